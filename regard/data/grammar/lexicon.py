"""The words: compact tables written for this grammar, parsed once into entries with all their forms.

Within a table common words come first: the nearer a word is to the top, the more often it is drawn.
A noun row reads `german gender plural english[/irregular plural]`; gender `mw` is a weak masculine, plural `-`
a mass noun. Underscores join an English expression of several words. How to add words: docs/grammar.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from regard.data.grammar import english, german

T = TypeVar("T")

NOUNS = {
    "person": """
        mann m männer man/men; frau f frauen woman/women; kind n kinder child/children; mutter f mütter mother
        vater m väter father; mädchen n mädchen girl; junge mw jungen boy; lehrer m lehrer teacher
        freund m freunde friend; bruder m brüder brother; schwester f schwestern sister; arzt m ärzte doctor
        könig m könige king; königin f königinnen queen; sohn m söhne son; tochter f töchter daughter
        nachbar mw nachbarn neighbour; onkel m onkel uncle; tante f tanten aunt; bäcker m bäcker baker
        student mw studenten student; maler m maler painter; bauer mw bauern farmer; koch m köche cook
        gast m gäste guest; dieb m diebe thief/thieves; lehrerin f lehrerinnen teacher
        sängerin f sängerinnen singer; großvater m großväter grandfather; großmutter f großmütter grandmother
        schüler m schüler pupil; polizist mw polizisten police_officer; soldat mw soldaten soldier
        richter m richter judge; dichter m dichter poet; hexe f hexen witch; riese mw riesen giant
        gärtner m gärtner gardener; zauberer m zauberer wizard; kapitän m kapitäne captain
        bürgermeister m bürgermeister mayor; prinzessin f prinzessinnen princess; kellner m kellner waiter
        räuber m räuber robber; schneider m schneider tailor; fischer m fischer fisherman/fishermen
        krankenschwester f krankenschwestern nurse
    """,
    "animal": """
        hund m hunde dog; katze f katzen cat; vogel m vögel bird; pferd n pferde horse; kuh f kühe cow
        maus f mäuse mouse/mice; bär mw bären bear; wolf m wölfe wolf/wolves; fuchs m füchse fox
        ente f enten duck; affe mw affen monkey; esel m esel donkey; löwe mw löwen lion; huhn n hühner chicken
        ziege f ziegen goat; hase mw hasen hare; frosch m frösche frog; schlange f schlangen snake
        spinne f spinnen spider
    """,
    "thing": """
        tisch m tische table; lampe f lampen lamp; stuhl m stühle chair; uhr f uhren clock
        schlüssel m schlüssel key; tasche f taschen bag; koffer m koffer suitcase; ball m bälle ball
        bild n bilder picture; kiste f kisten box; flasche f flaschen bottle; messer n messer knife/knives
        spiegel m spiegel mirror; korb m körbe basket; ring m ringe ring; kerze f kerzen candle
        glas n gläser glass; teller m teller plate; kamera f kameras camera; geige f geigen violin
        stein m steine stone; blume f blumen flower; schrank m schränke cupboard; bett n betten bed
        computer m computer computer; telefon n telefone telephone; tür f türen door; fenster n fenster window
        regenschirm m regenschirme umbrella; haustür f haustüren front_door; taschenlampe f taschenlampen torch
        schreibtisch m schreibtische desk; handtasche f handtaschen handbag
    """,
    "text": """
        buch n bücher book; brief m briefe letter; geschichte f geschichten story; zeitung f zeitungen newspaper
        gedicht n gedichte poem; lied n lieder song; karte f karten map; märchen n märchen fairy_tale
        tagebuch n tagebücher diary; wörterbuch n wörterbücher dictionary
    """,
    "clothes": """
        hut m hüte hat; mantel m mäntel coat; schuh m schuhe shoe; kleid n kleider dress; hemd n hemden shirt
        jacke f jacken jacket; mütze f mützen cap; rock m röcke skirt; schal m schals scarf/scarves
        handschuh m handschuhe glove; gürtel m gürtel belt
    """,
    "food": """
        apfel m äpfel apple; kuchen m kuchen cake; suppe f suppen soup; birne f birnen pear
        tomate f tomaten tomato; kartoffel f kartoffeln potato; pilz m pilze mushroom; nuss f nüsse nut
        zwiebel f zwiebeln onion; kirsche f kirschen cherry; salat m salate salad; keks m kekse biscuit
    """,
    "staple": """
        brot n - bread; käse m - cheese; fleisch n - meat; honig m - honey; reis m - rice; butter f - butter
    """,
    "drink": """
        wasser n - water; kaffee m - coffee; milch f - milk; tee m - tea; wein m - wine; saft m - juice
    """,
    "place": """
        garten m gärten garden; haus n häuser house; küche f küchen kitchen; wald m wälder forest
        stadt f städte city; schule f schulen school; park m parks park; dorf n dörfer village
        zimmer n zimmer room; laden m läden shop; kirche f kirchen church; schloss n schlösser castle
        hotel n hotels hotel; turm m türme tower; museum n museen museum; keller m keller cellar
        theater n theater theatre; büro n büros office; höhle f höhlen cave; fabrik f fabriken factory
        stall m ställe stable; hütte f hütten hut; zelt n zelte tent; scheune f scheunen barn
        bibliothek f bibliotheken library; tal n täler valley; bahnhof m bahnhöfe station
        krankenhaus n krankenhäuser hospital; rathaus n rathäuser town_hall; spielplatz m spielplätze playground
    """,
    "vehicle": """
        auto n autos car; zug m züge train; fahrrad n fahrräder bicycle; schiff n schiffe ship
        boot n boote boat; flugzeug n flugzeuge plane; kutsche f kutschen coach
    """,
}

# first part with its linking element, its English, and the heads it joins: one German word, two English ones
COMPOUNDS = """
    küchen kitchen tisch stuhl fenster messer tür schrank lampe uhr
    garten garden stuhl tisch blume haus tür lampe; apfel apple kuchen saft; kirsch cherry kuchen saft
    tomaten tomato suppe saft salat; kartoffel potato suppe salat; zwiebel onion suppe kuchen
    pilz mushroom suppe; schul school buch tasche bibliothek; hotel hotel zimmer küche
    winter winter mantel jacke schuh garten; gold gold ring uhr; holz wooden kiste haus stuhl
    stadt city park theater; dorf village schule kirche laden; gemüse vegetable suppe garten laden
    bücher book laden kiste; wand wall uhr spiegel lampe; reise travel tasche koffer buch
    leder leather tasche jacke schuh gürtel
"""

# german[:stem where an ending follows] english
ADJECTIVES = {
    "any": """
        alt old; klein small; neu new; groß big; schön beautiful; gut good; seltsam strange
        schrecklich terrible; wunderbar wonderful; hässlich ugly; gewöhnlich ordinary
    """,
    "being": """
        jung young; müde tired; klug clever; dick fat; traurig sad; freundlich friendly; stark strong
        mutig brave; arm poor; glücklich happy; dumm stupid; faul lazy; krank sick; reich rich; dünn thin
        hungrig hungry; ruhig calm; laut loud; nett nice; böse evil; wild wild; stolz proud; lustig funny
        schüchtern shy; neugierig curious; einsam lonely; treu loyal; blind blind; berühmt famous
        höflich polite; gesund healthy
    """,
    "object": """
        rot red; blau blue; grün green; schwarz black; weiß white; schwer heavy; gelb yellow; leicht light
        teuer:teur expensive; billig cheap; kaputt broken; schmutzig dirty; sauber clean; rund round
        braun brown; modern modern; wertvoll valuable
    """,
    "edible": """
        frisch fresh; warm warm; kalt cold; süß sweet; heiß hot; lecker tasty
    """,
    "spatial": """
        hell bright; dunkel:dunkl dark; leer empty; still quiet; offen open; berühmt famous; riesig huge
        alt old
    """,
}

# which adjectives go with which nouns
SUITED = {
    "person": ("any", "being"),
    "animal": ("any", "being"),
    "thing": ("any", "object"),
    "text": ("any", "object"),
    "clothes": ("any", "object"),
    "vehicle": ("any", "object"),
    "food": ("edible",),
    "staple": ("edible",),
    "drink": ("edible",),
    "place": ("any", "spatial"),
}

# german[ third preterite participle][ +sein][ preposition case] = english[ past participle] : subject : object
# | marks a separable prefix; the English particle of an expression follows an underscore
VERBS = {
    "intransitive": """
        lachen = laugh : person; schlafen schläft schlief geschlafen = sleep slept slept : person animal
        singen singt sang gesungen = sing sang sung : person; weinen = cry : person; arbeiten = work : person
        tanzen = dance : person; auf|wachen +sein = wake_up woke woken : person animal
        ein|schlafen schläft schlief geschlafen +sein = fall_asleep fell fallen : person animal
        auf|stehen steht stand gestanden +sein = get_up got got : person; lächeln = smile : person
        schwimmen schwimmt schwamm geschwommen +sein = swim swam swum : person animal
        an|kommen kommt kam gekommen +sein = arrive : person; zittern = tremble : person animal
        weg|laufen läuft lief gelaufen +sein = run_away ran run : person animal; husten = cough : person
        zurück|kommen kommt kam gekommen +sein = come_back came come : person animal
        verschwinden verschwindet verschwand verschwunden +sein = disappear : person animal thing
        brennen brennt brannte gebrannt = burn : place thing; glänzen = gleam : thing
        ab|reisen +sein = depart : person; auf|hören = stop stopped stopped : person
    """,
    "transitive": """
        sehen sieht sah gesehen = see saw seen : person animal : person animal thing place
        suchen = seek sought sought : person animal : person animal thing
        lieben = love : person : person animal
        finden findet fand gefunden = find found found : person : person animal thing
        kaufen = buy bought bought : person : thing food clothes vehicle
        lesen liest las gelesen = read read read : person : text
        essen isst aß gegessen = eat ate eaten : person animal : food staple
        trinken trinkt trank getrunken = drink drank drunk : person : drink
        kennen kennt kannte gekannt = know knew known : person : person place
        hören = hear heard heard : person animal : person animal; besuchen = visit : person : person place
        an|rufen ruft rief gerufen = call : person : person
        treffen trifft traf getroffen = meet met met : person : person
        schreiben schreibt schrieb geschrieben = write wrote written : person : text
        bauen = build built built : person : place; brauchen = need : person : thing clothes food vehicle
        ein|laden lädt lud geladen = invite : person : person; fragen = ask : person : person
        tragen trägt trug getragen = carry : person : thing clothes
        malen = paint : person : person animal place; ab|holen = collect : person : person thing
        verkaufen = sell sold sold : person : thing vehicle place
        waschen wäscht wusch gewaschen = wash : person : clothes vehicle; öffnen = open : person : thing
        an|ziehen zieht zog gezogen = put_on put put : person : clothes
        stehlen stiehlt stahl gestohlen = steal stole stolen : person : thing clothes vehicle
        vergessen vergisst vergaß vergessen = forget forgot forgotten : person : person thing
        auf|räumen = tidy : person : place; reparieren = repair : person : thing vehicle
        jagen = hunt : person animal : animal; füttern = feed fed fed : person : animal
        fangen fängt fing gefangen = catch caught caught : person animal : animal
        weg|werfen wirft warf geworfen = throw_away threw thrown : person : thing clothes food
        verlieren verliert verlor verloren = lose lost lost : person : thing clothes
        hassen = hate : person : person animal; fürchten = fear : person animal : person animal
        verstehen versteht verstand verstanden = understand understood understood : person : person text
        bewundern = admire : person : person place; retten = save : person : person animal
        küssen = kiss : person : person; beobachten = watch : person animal : person animal
        an|sehen sieht sah gesehen = look_at : person : person thing
        verstecken = hide hid hidden : person : thing text
        zeichnen = draw drew drawn : person : person animal thing; vor|bereiten = prepare : person : food
        ein|packen = pack : person : thing clothes
        zerbrechen zerbricht zerbrach zerbrochen = break broke broken : person : thing
        backen backt backte gebacken = bake : person : food staple; loben = praise : person : person
        aus|lachen = mock : person : person; verfolgen = pursue : person animal : person animal
        schließen schließt schloss geschlossen = close : person : place; bestrafen = punish : person : person
        zurück|bringen bringt brachte gebracht = bring_back brought brought : person : thing text
        auf|schreiben schreibt schrieb geschrieben = write_down wrote written : person : text
        verlassen verlässt verließ verlassen = leave left left : person : place
    """,
    "dative": """
        helfen hilft half geholfen = help : person : person animal; danken = thank : person : person
        folgen +sein = follow : person animal : person animal; antworten = answer : person : person
        vertrauen = trust : person : person; zu|hören = listen_to : person : person
        drohen = threaten : person : person
        verzeihen verzeiht verzieh verziehen = forgive forgave forgiven : person : person
        dienen = serve : person : person; gratulieren = congratulate : person : person
        widersprechen widerspricht widersprach widersprochen = contradict : person : person
    """,
    "ditransitive": """
        geben gibt gab gegeben = give gave given : person : thing text food
        zeigen = show showed shown : person : thing text; schicken = send sent sent : person : text thing
        bringen bringt brachte gebracht = bring brought brought : person : food thing
        erzählen = tell told told : person : text; erklären = explain : person : text
        leihen leiht lieh geliehen = lend lent lent : person : clothes vehicle
        an|bieten bietet bot geboten = offer : person : food thing
        empfehlen empfiehlt empfahl empfohlen = recommend : person : text food
        vor|lesen liest las gelesen = read_aloud read read : person : text
        zurück|geben gibt gab gegeben = return : person : thing text
    """,
    "prepositional": """
        warten auf a = wait_for : person : person vehicle
        denken denkt dachte gedacht an a = think_of thought thought : person : person place
        sprechen spricht sprach gesprochen mit d = speak_with spoke spoken : person : person
        träumen von d = dream_of : person : person animal place
        spielen mit d = play_with : person : person animal; lachen über a = laugh_about : person : person text
        reden mit d = talk_to : person : person
        kämpfen gegen a = fight_against fought fought : person : person animal
        achten auf a = pay_attention_to paid paid : person : person thing
        schreiben schreibt schrieb geschrieben an a = write_to wrote written : person : person
    """,
    "motion": """
        gehen geht ging gegangen +sein = go went gone : person animal
        laufen läuft lief gelaufen +sein = run ran run : person animal
        kommen kommt kam gekommen +sein = come came come : person animal
        fahren fährt fuhr gefahren +sein = drive drove driven : person
        springen springt sprang gesprungen +sein = jump : person animal
        reisen +sein = travel travelled travelled : person
        kriechen kriecht kroch gekrochen +sein = crawl : person animal; eilen +sein = hurry : person
        zurück|kehren +sein = go_back went gone : person animal; wandern +sein = hike : person
        schleichen schleicht schlich geschlichen +sein = sneak : person animal
    """,
    "reporting": """
        sagen = say said said : person; glauben = believe : person
        wissen weiß wusste gewusst = know knew known : person; hoffen = hope : person
        denken denkt dachte gedacht = think thought thought : person; behaupten = claim : person
        träumen = dream : person; bemerken = notice : person
    """,
    "control": """
        versuchen = try : person; hoffen = hope : person; planen = plan planned planned : person
        vergessen vergisst vergaß vergessen = forget forgot forgotten : person
        beginnen beginnt begann begonnen = begin began begun : person
        beschließen beschließt beschloss beschlossen = decide : person; lernen = learn learnt learnt : person
    """,
}

COPULAS = """
    sein ist war gewesen +sein = be was been : person animal thing place clothes vehicle
    bleiben bleibt blieb geblieben +sein = stay : person animal place
    werden wird wurde geworden +sein = become became become : person animal place
"""

NAMES = """
    anna peter maria hans lena paul emma karl julia otto klara max eva felix greta jonas ida moritz nina oskar
    rosa emil frieda anton
"""
CITIES = """
    berlin hamburg bonn münchen=munich köln=cologne wien=vienna prag=prague rom=rome paris london venedig=venice
    basel
"""

# words with the same number belong together; without numbers all belong together
TIMES = {
    "past": "gestern = yesterday; damals = back then; letzte1 woche2 = last1 week2; vorgestern = two days ago",
    "present": "heute = today; jetzt = now; gerade = just now; in1 diesem2 moment3 = at1 this2 moment3",
    "future": "morgen = tomorrow; bald = soon; nächste1 woche2 = next1 week2; übermorgen = in two days",
    "any": """
        am1 montag2 = on1 monday2; am1 abend2 = in1 the1 evening2; im1 winter2 = in1 winter2
        am1 sonntag2 = on1 sunday2; im1 sommer2 = in1 summer2; am1 freitag2 = on1 friday2
        in1 der2 nacht3 = during1 the2 night3; nach1 dem0 frühstück2 = after1 breakfast2
        am1 morgen2 = in1 the1 morning2; im1 mai2 = in1 may2; im1 herbst2 = in1 autumn2
        im1 frühling2 = in1 spring2; vor1 dem0 abendessen2 = before1 dinner2; am1 samstag2 = on1 saturday2
        am1 dienstag2 = on1 tuesday2; am1 mittwoch2 = on1 wednesday2
    """,
}
FREQUENCIES = (
    "oft = often; immer = always; nie = never; manchmal = sometimes; selten = rarely; wirklich = really"
)
MANNERS = """
    gern = gladly; leise = quietly; langsam = slowly; schnell = quickly; allein = alone; sorgfältig = thoroughly
    heimlich = secretly; vorsichtig = carefully; geduldig = patiently; sofort = immediately; plötzlich = suddenly
    wieder = again; umsonst = in vain
"""
DEGREES = "sehr = very; ziemlich = rather; echt = really; ganz = quite; unglaublich = incredibly"
PLACES = (
    "hier = here; dort = there; draußen = outside; drinnen = inside; überall = everywhere; oben = upstairs"
)

# german english case
LOCATIONS = "in in d; vor in_front_of d; hinter behind d; neben next_to d; bei near d"
ADJUNCTS = "mit with d; ohne without a"

# german english; whether the clause looks back
CONJUNCTIONS = {
    "any": "weil = because; obwohl = although; während = while; bevor = before; sobald = as soon as; damit = so that",
    "present": "wenn = if; bis = until",
    "past": "als = when; nachdem = after",
}
COORDINATORS = "und = and; aber = but; oder = or; doch = yet; denn = for"
NUMERALS = "zwei two drei three vier four fünf five sechs six sieben seven acht eight neun nine zehn ten zwölf twelve"


@dataclass(frozen=True, slots=True, eq=False)
class Noun:
    """A noun in all its forms; `en` and `owner` hold the English singular and plural, word by word."""

    de: tuple[tuple[str, ...], ...]
    gender: str
    en: tuple[tuple[str, ...], ...]
    owner: tuple[tuple[str, ...], ...]
    kind: str
    mass: bool


@dataclass(frozen=True, slots=True, eq=False)
class Adjective:
    """An adjective: its bare form, its forms by ending, its English."""

    bare: str
    de: dict[str, str]
    en: str


@dataclass(frozen=True, slots=True, eq=False)
class Verb:
    """A verb in all its forms; `prefix` is separable, `preposition` governs its object."""

    infinitive: str
    prefix: str
    present: dict[str, str]
    preterite: dict[str, str]
    participle: str
    with_sein: bool
    en: str
    en_third: str
    en_past: str
    en_participle: str
    particle: tuple[str, ...]
    subject: str
    object: str
    preposition: str = ""
    case: int = german.ACCUSATIVE
    common: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """Words that are never inflected, each with the number of its counterpart; 0 for none."""

    de: tuple[tuple[str, int], ...]
    en: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Preposition:
    """A preposition and the case it governs."""

    de: str
    en: tuple[str, ...]
    case: int


@dataclass(frozen=True, slots=True, eq=False)
class Determiner:
    """A determiner: its forms, the adjective endings after it, its English by number."""

    de: german.Forms
    endings: german.Forms
    en: tuple[str, str]
    definite: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """Nouns of some kinds, repeated by frequency; persons may also be a name or a pronoun."""

    nouns: list[Noun]
    with_persons: bool
    contracting: list[Noun] = field(default_factory=list)


def weighted(ranked: Sequence[T]) -> list[T]:
    """Repeat each entry roughly 1 / sqrt(rank + 14) times, so that a uniform draw is Zipf-like."""
    return [entry for rank, entry in enumerate(ranked) for _ in range(max(1, round(40 / (rank + 14) ** 0.5)))]


def rows(table: str) -> list[str]:
    """Return the rows of a table, which end at a semicolon or with the line."""
    return [row.strip() for line in table.splitlines() for row in line.split(";") if row.strip()]


def _noun(row: str, kind: str) -> Noun:
    de, gender, plural, en = row.split()
    mass = plural == "-"
    singular, _, irregular = en.partition("/")
    *front, last = singular.split("_")
    en_forms = ((*front, last), (*front, irregular or english.add_s(last)))
    owner = tuple((*form[:-1], english.possessive(form[-1])) for form in en_forms)
    forms = german.decline_noun(de, gender[0], de if mass else plural, weak=gender == "mw")
    return Noun(forms, gender[0], en_forms, owner, kind, mass)


def _compounds(simple: dict[str, str]) -> list[tuple[str, str]]:
    """Return row and kind of each compound, built from the rows of its heads."""
    kinds = {row.split()[0]: kind for kind, table in NOUNS.items() for row in rows(table)}
    entries = []
    for group in rows(COMPOUNDS):
        first, first_en, *heads = group.split()
        for head in heads:
            gender, plural, en = simple[head].split()[1:]
            plural = plural if plural == "-" else first + plural
            entries.append((f"{first}{head} {gender} {plural} {first_en}_{en}", kinds[head]))
    return entries


def _nouns() -> dict[str, list[Noun]]:
    simple = {row.split()[0]: row for table in NOUNS.values() for row in rows(table)}
    entries = {kind: [_noun(row, kind) for row in rows(table)] for kind, table in NOUNS.items()}
    for row, kind in _compounds(simple):
        entries[kind].append(_noun(row, kind))
    return entries


def _adjective(row: str) -> Adjective:
    de, en = row.split()
    bare, _, stem = de.partition(":")
    return Adjective(bare, german.decline_adjective(stem or bare), en)


def _verb(row: str, rank: int = 99) -> Verb:
    left, right = row.split(" = ")
    en, subject, *object_ = (part.strip() for part in right.split(":"))
    words = left.split()
    with_sein = "+sein" in words
    words = [word for word in words if word != "+sein"]
    preposition, case = words[-2:] if words[-1] in ("a", "d") else ("", "a")
    words = words[:-2] if preposition else words
    prefix, _, base = words[0].rpartition("|")
    third, past, participle = words[1:] if len(words) == 4 else ("", "", german.weak_participle(base))
    en_base, *irregular = en.split()
    first, *particle = en_base.split("_")
    en_past, en_participle = irregular if irregular else (english.add_ed(first),) * 2
    return Verb(
        infinitive=base,
        prefix=prefix,
        present=german.present(base, third) | _IRREGULAR_PRESENT.get(base, {}),
        preterite=german.preterite(base, past),
        participle=prefix + participle,
        with_sein=with_sein,
        en=first,
        en_third=english.add_s(first),
        en_past=en_past,
        en_participle=en_participle,
        particle=tuple(particle),
        subject=subject,
        object=object_[0] if object_ else "",
        preposition=preposition,
        case=german.DATIVE if case == "d" else german.ACCUSATIVE,
        common=rank < 8 and not prefix,
    )


_IRREGULAR_PRESENT = {
    "sein": dict(zip(german.PERSONS, ["bin", "bist", "ist", "sind", "sind"], strict=True)),
    "werden": {"2s": "wirst"},
    "wissen": {"1s": "weiß", "2s": "weißt"},
}


def expression(row: str) -> Expression:
    """Parse `am1 montag2 = on1 monday2`; words without numbers all belong together."""
    sides = [[(word.rstrip("0123456789"), word) for word in side.split()] for side in row.split(" = ")]
    numbered = any(word[-1].isdigit() for side in sides for _, word in side)
    de, en = (tuple((form, int(word[len(form) :] or numbered == 0)) for form, word in side) for side in sides)
    return Expression(de, en)


def expressions(table: str) -> list[Expression]:
    """Return all expressions of a table."""
    return [expression(row) for row in rows(table)]


def _prepositions(table: str) -> list[Preposition]:
    entries = []
    for row in rows(table):
        de, en, case = row.split()
        entries.append(
            Preposition(de, tuple(en.split("_")), german.DATIVE if case == "d" else german.ACCUSATIVE)
        )
    return entries


def _inflected(stem: str, endings: german.Forms) -> german.Forms:
    return {agreement: tuple(stem + e for e in row) for agreement, row in endings.items()}


def _fixed(form: str) -> german.Forms:
    return {"p": (form,) * 4}


THE = Determiner(german.DER, german.WEAK, ("the", "the"), True)
A = Determiner(_inflected("ein", german.EIN), german.MIXED, ("a", ""), False)
NO = Determiner(_inflected("kein", german.EIN), german.MIXED, ("no", "no"), False)
BARE = Determiner({}, german.STRONG, ("", ""), False)
EVERY = Determiner(_inflected("jed", german.DIESER), german.WEAK, ("every", ""), False)
ALL = Determiner(_inflected("all", german.DIESER), german.WEAK, ("", "all"), True)
MANY = Determiner(_inflected("viel", german.DIESER), german.STRONG, ("", "many"), False)
SOME = Determiner(_inflected("einig", german.DIESER), german.STRONG, ("", "some"), False)
POINTING = [
    Determiner(_inflected("dies", german.DIESER), german.WEAK, ("this", "these"), True),
    *(
        Determiner(_inflected(stem, german.EIN), german.MIXED, (en, en), True)
        for stem, en in (("mein", "my"), ("sein", "his"), ("dein", "your"), ("unser", "our"))
    ),
]
COUNTING = [
    Determiner(_fixed(de), german.STRONG, ("", en), False)
    for de, en in zip(NUMERALS.split()[::2], NUMERALS.split()[1::2], strict=True)
]

NOUN_ENTRIES = _nouns()
ADJECTIVE_ENTRIES = {kind: [_adjective(row) for row in rows(table)] for kind, table in ADJECTIVES.items()}
SUITED_ADJECTIVES = {
    kind: [a for group in groups for a in weighted(ADJECTIVE_ENTRIES[group])]
    for kind, groups in SUITED.items()
}
VERB_ENTRIES = {
    frame: [_verb(row, rank if frame == "transitive" else 99) for rank, row in enumerate(rows(table))]
    for frame, table in VERBS.items()
}
COPULA_ENTRIES = [_verb(row) for row in rows(COPULAS)]
LOCATION_ENTRIES = _prepositions(LOCATIONS)
ADJUNCT_ENTRIES = _prepositions(ADJUNCTS)
INTO = Preposition("in", ("into",), german.ACCUSATIVE)
TOWARDS = Preposition("zu", ("to",), german.DATIVE)
BY = Preposition("von", ("by",), german.DATIVE)
CITY_NAMES = [(de, en or de) for de, _, en in (word.partition("=") for word in CITIES.split())]
TIME_ENTRIES = {when: expressions(table) for when, table in TIMES.items()}
CONJUNCTION_ENTRIES = {when: expressions(table) for when, table in CONJUNCTIONS.items()}
IDIOM = expression("echt dicke kiste = awesome sauce")


def pool(kinds: str) -> Pool:
    """Return the nouns of these kinds, as in `person animal`."""
    nouns = [noun for kind in kinds.split() for noun in weighted(NOUN_ENTRIES[kind])]
    return Pool(nouns, "person" in kinds, [noun for noun in nouns if noun.gender != "f"])


def lemmas() -> tuple[set[str], set[str]]:
    """Return the distinct German and English entries: lemmas and fixed expressions, not inflected forms."""
    nouns = [noun for group in NOUN_ENTRIES.values() for noun in group]
    adjectives = [adjective for group in ADJECTIVE_ENTRIES.values() for adjective in group]
    verbs = [verb for group in VERB_ENTRIES.values() for verb in group] + COPULA_ENTRIES
    tables = [*TIMES.values(), *CONJUNCTIONS.values(), FREQUENCIES, MANNERS, DEGREES, PLACES, COORDINATORS]
    fixed = [words for table in tables for words in expressions(table)]
    german_entries = {noun.de[0][0] for noun in nouns} | {adjective.bare for adjective in adjectives}
    german_entries |= {verb.prefix + verb.infinitive for verb in verbs}
    german_entries |= {" ".join(form for form, _ in words.de) for words in fixed}
    english_entries = {" ".join(noun.en[0]) for noun in nouns} | {adjective.en for adjective in adjectives}
    english_entries |= {" ".join((verb.en, *verb.particle)) for verb in verbs}
    english_entries |= {" ".join(form for form, _ in words.en) for words in fixed}
    names = set(NAMES.split())
    cities = CITY_NAMES
    german_entries |= names | {de for de, _ in cities} | set(NUMERALS.split()[::2])
    english_entries |= names | {en for _, en in cities} | set(NUMERALS.split()[1::2])
    return german_entries, english_entries


def lexicon_size() -> tuple[int, int]:
    """Return the number of entries of the German and of the English lexicon."""
    german_entries, english_entries = lemmas()
    return len(german_entries), len(english_entries)
