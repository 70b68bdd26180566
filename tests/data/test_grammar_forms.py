"""Inflection, word order and links, against forms from the school grammar and sentences worked by hand."""

from __future__ import annotations

import random

import pytest

from regard.data.grammar import english, german, lexicon
from regard.data.grammar.derivation import Derivation, Sides
from regard.data.grammar.german import ACCUSATIVE, DATIVE, GENITIVE, NOMINATIVE
from regard.data.grammar.lexicon import A, Adjective, Determiner, Noun, Verb
from regard.data.grammar.order import Clause, Phrase
from regard.data.grammar.order import english as english_order
from regard.data.grammar.order import german as german_order
from regard.data.grammar.sampling import links
from regard.data.grammar.verbs import active, passive, zu_infinitive


def noun(lemma: str) -> Noun:
    return next(n for group in lexicon.NOUN_ENTRIES.values() for n in group if n.de[0][0] == lemma)


def verb(infinitive: str, frame: str) -> Verb:
    return next(v for v in lexicon.VERB_ENTRIES[frame] if v.prefix + v.infinitive == infinitive)


def adjective(bare: str) -> Adjective:
    return next(a for group in lexicon.ADJECTIVE_ENTRIES.values() for a in group if a.bare == bare)


def phrase(lemma: str, determiner: Determiner, case: int, plural: bool = False) -> str:
    thing = noun(lemma)
    agreement = "p" if plural else thing.gender
    form = determiner.de[agreement][case] if determiner.de else ""
    old = adjective("alt").de[determiner.endings[agreement][case]]
    return " ".join([form, old, thing.de[plural][case]]).strip()


@pytest.mark.parametrize(
    ("lemma", "determiner", "plural", "forms"),
    [
        ("mann", lexicon.THE, False, "der alte mann, den alten mann, dem alten mann, des alten mannes"),
        ("frau", lexicon.THE, False, "die alte frau, die alte frau, der alten frau, der alten frau"),
        ("haus", lexicon.THE, False, "das alte haus, das alte haus, dem alten haus, des alten hauses"),
        ("mann", A, False, "ein alter mann, einen alten mann, einem alten mann, eines alten mannes"),
        ("frau", A, False, "eine alte frau, eine alte frau, einer alten frau, einer alten frau"),
        ("haus", A, False, "ein altes haus, ein altes haus, einem alten haus, eines alten hauses"),
        ("junge", lexicon.THE, False, "der alte junge, den alten jungen, dem alten jungen, des alten jungen"),
        ("mann", lexicon.THE, True, "die alten männer, die alten männer, den alten männern, der alten männer"),
        ("auto", lexicon.NO, True, "keine alten autos, keine alten autos, keinen alten autos, keiner alten autos"),
        ("kind", lexicon.BARE, True, "alte kinder, alte kinder, alten kindern, alter kinder"),
        ("garten", lexicon.POINTING[0], False, "dieser alte garten, diesen alten garten, diesem alten garten, "
         "dieses alten gartens"),
        ("tisch", lexicon.POINTING[1], False, "mein alter tisch, meinen alten tisch, meinem alten tisch, "
         "meines alten tisches"),
    ],
)  # fmt: skip
def test_noun_phrases_agree(lemma: str, determiner: Determiner, plural: bool, forms: str) -> None:
    cases = (NOMINATIVE, ACCUSATIVE, DATIVE, GENITIVE)
    assert ", ".join(phrase(lemma, determiner, case, plural) for case in cases) == forms


def test_strong_endings_without_an_article() -> None:
    endings = lexicon.BARE.endings
    warm = adjective("warm").de
    assert [warm[endings["m"][case]] for case in range(3)] == ["warmer", "warmen", "warmem"]
    assert [warm[endings["n"][case]] for case in range(3)] == ["warmes", "warmes", "warmem"]
    assert [warm[endings["f"][case]] for case in range(3)] == ["warme", "warme", "warmer"]


@pytest.mark.parametrize(
    ("bare", "form"),
    [("dunkel", "dunkle"), ("teuer", "teure"), ("müde", "müde"), ("böse", "böse"), ("rot", "rote")],
)
def test_adjective_stems(bare: str, form: str) -> None:
    assert adjective(bare).de["e"] == form


@pytest.mark.parametrize(
    ("infinitive", "frame", "forms"),
    [
        ("lachen", "intransitive", "lache lachst lacht lachen lachte lachten gelacht"),
        ("arbeiten", "intransitive", "arbeite arbeitest arbeitet arbeiten arbeitete arbeiteten gearbeitet"),
        ("lächeln", "intransitive", "lächle lächelst lächelt lächeln lächelte lächelten gelächelt"),
        ("sehen", "transitive", "sehe siehst sieht sehen sah sahen gesehen"),
        ("lesen", "transitive", "lese liest liest lesen las lasen gelesen"),
        ("finden", "transitive", "finde findest findet finden fand fanden gefunden"),
        ("öffnen", "transitive", "öffne öffnest öffnet öffnen öffnete öffneten geöffnet"),
        ("zeichnen", "transitive", "zeichne zeichnest zeichnet zeichnen zeichnete zeichneten gezeichnet"),
        ("besuchen", "transitive", "besuche besuchst besucht besuchen besuchte besuchten besucht"),
        (
            "reparieren",
            "transitive",
            "repariere reparierst repariert reparieren reparierte reparierten repariert",
        ),
        ("einladen", "transitive", "lade lädst lädt laden lud luden eingeladen"),
        ("waschen", "transitive", "wasche wäschst wäscht waschen wusch wuschen gewaschen"),
        ("wandern", "motion", "wandere wanderst wandert wandern wanderte wanderten gewandert"),
        ("wissen", "reporting", "weiß weißt weiß wissen wusste wussten gewusst"),
        ("warten", "prepositional", "warte wartest wartet warten wartete warteten gewartet"),
        ("lernen", "control", "lerne lernst lernt lernen lernte lernten gelernt"),
    ],
)
def test_german_verbs(infinitive: str, frame: str, forms: str) -> None:
    v = verb(infinitive, frame)
    present = [v.present[person] for person in ("1s", "2s", "3s", "3p")]
    assert " ".join([*present, v.preterite["3s"], v.preterite["3p"], v.participle]) == forms


@pytest.mark.parametrize(
    ("word", "with_s"),
    [
        ("dog", "dogs"),
        ("box", "boxes"),
        ("church", "churches"),
        ("city", "cities"),
        ("boy", "boys"),
        ("tomato", "tomatoes"),
    ],
)
def test_english_s(word: str, with_s: str) -> None:
    assert english.add_s(word) == with_s


def test_english_pasts_possessives_and_articles() -> None:
    assert [english.add_ed(w) for w in ("laugh", "love", "carry", "play")] == [
        "laughed",
        "loved",
        "carried",
        "played",
    ]
    assert [english.possessive(w) for w in ("woman", "teachers", "children")] == [
        "woman's",
        "teachers'",
        "children's",
    ]
    assert [english.indefinite(w) for w in ("apple", "old", "man")] == ["an", "an", "a"]


def test_no_english_word_needs_another_article_than_its_letter_says() -> None:
    words = [n.en[0][0] for group in lexicon.NOUN_ENTRIES.values() for n in group]
    words += [a.en for group in lexicon.ADJECTIVE_ENTRIES.values() for a in group]
    misleading = ("hour", "honest", "honour", "heir", "uni", "use", "euro", "one")
    assert not [word for word in words if word.startswith(misleading)]


def the(d: Derivation, lemma: str, case: int) -> Phrase:
    return d.described(case, 0, noun(lemma), lexicon.THE, False, None, False)


def texts(sides: Sides) -> tuple[str, str]:
    de, en = (" ".join(token[0] for token in side) for side in sides)
    return de, en


@pytest.fixture
def d() -> Derivation:
    return Derivation(random.Random(0))


def test_a_separable_verb_stands_at_both_ends_and_both_parts_link(d: Derivation) -> None:
    clause = Clause(subject=the(d, "mann", NOMINATIVE), accusative=the(d, "frau", ACCUSATIVE))
    clause.verb = active(verb("anrufen", "transitive"), "3s", "present", False, d.key(), d.key())
    sides = german_order(clause, "second"), english_order(clause)
    assert texts(sides) == ("der mann ruft die frau an", "the man calls the woman")
    assert links(*sides).sure == {(0, 0), (1, 1), (2, 2), (5, 2), (3, 3), (4, 4)}
    assert links(*sides).possible == links(*sides).sure
    assert " ".join(t[0] for t in german_order(clause, "last")) == "der mann die frau anruft"
    assert " ".join(t[0] for t in german_order(clause, "second", "accusative")) == "die frau ruft der mann an"


def test_the_perfect_becomes_a_past_whose_auxiliary_is_only_possible(d: Derivation) -> None:
    clause = Clause(subject=the(d, "mann", NOMINATIVE), accusative=the(d, "hund", ACCUSATIVE))
    clause.verb = active(verb("sehen", "transitive"), "3s", "perfect", False, d.key(), d.key())
    sides = german_order(clause, "second"), english_order(clause)
    assert texts(sides) == ("der mann hat den hund gesehen", "the man saw the dog")
    assert links(*sides).sure == {(0, 0), (1, 1), (5, 2), (3, 3), (4, 4)}
    assert links(*sides).possible - links(*sides).sure == {(2, 2)}
    assert " ".join(t[0] for t in german_order(clause, "last")) == "der mann den hund gesehen hat"


def test_negation_and_questions_take_do(d: Derivation) -> None:
    clause = Clause(subject=the(d, "frau", NOMINATIVE), negation=d.key())
    clause.verb = active(verb("lachen", "intransitive"), "3s", "present", True, d.key(), d.key())
    sides = german_order(clause, "second"), english_order(clause)
    assert texts(sides) == ("die frau lacht nicht", "the woman does not laugh")
    assert links(*sides).sure == {(0, 0), (1, 1), (2, 4), (3, 3)}
    assert links(*sides).possible - links(*sides).sure == {(2, 2)}
    clause.negation = 0
    asked = german_order(clause, "first"), english_order(clause, question=True)
    assert texts(asked) == ("lacht die frau", "does the woman laugh")


@pytest.mark.parametrize(
    ("tense", "person", "do", "de", "en"),
    [
        ("must", "3s", False, "muss … singen", "has to sing"),
        ("must", "3p", True, "müssen … singen", "do have to sing"),
        ("had to", "3s", True, "musste … singen", "did have to sing"),
        ("want", "1s", False, "will … singen", "want to sing"),
        ("may", "2s", False, "darfst … singen", "are allowed to sing"),
        ("could", "3p", False, "konnten … singen", "could sing"),
        ("future", "3s", True, "wird … singen", "will sing"),
        ("pluperfect", "1p", False, "hatten … gesungen", "had sung"),
        ("perfect", "2s", True, "hast … gesungen", "did sing"),
        ("preterite", "3p", False, "sangen …", "sang"),
    ],
)
def test_tenses_and_modals(tense: str, person: str, do: bool, de: str, en: str) -> None:
    group = active(verb("singen", "intransitive"), person, tense, do, 1, 2)
    assert " ".join([group.finite[0], "…", *(token[0] for token in group.tail)]) == de
    assert " ".join(token[0] for token in [*group.aux, *group.main]) == en


def test_verbs_of_motion_take_sein() -> None:
    assert active(verb("gehen", "motion"), "3s", "perfect", False, 1, 2).finite[0] == "ist"
    assert active(verb("gehen", "motion"), "3p", "pluperfect", False, 1, 2).finite[0] == "waren"


def test_passive_and_infinitives_with_zu() -> None:
    group = passive(verb("sehen", "transitive"), "3p", True, 1, 2)
    assert [token[0] for token in group.last] == ["gesehen", "wurden"]
    assert [token[0] for token in [*group.aux, *group.main]] == ["were", "seen"]
    one_word = zu_infinitive(verb("anrufen", "transitive"), 1, 2)
    assert one_word.last == [("anzurufen", 1, 0)]
    assert one_word.main == [("to", 1, 0), ("call", 1, 0)]


def test_definite_objects_stand_before_the_time_indefinite_ones_behind_the_place(d: Derivation) -> None:
    clause = Clause(subject=the(d, "mann", NOMINATIVE), accusative=the(d, "hut", ACCUSATIVE))
    clause.verb = active(verb("kaufen", "transitive"), "3s", "present", False, d.key(), d.key())
    clause.time = d.expression(lexicon.expression("heute = today"))
    clause.place = d.expression(lexicon.expression("hier = here"))
    sides = german_order(clause, "second"), english_order(clause)
    assert texts(sides) == ("der mann kauft den hut heute hier", "the man buys the hat here today")
    clause.accusative = d.described(ACCUSATIVE, 0, noun("hut"), A, False, None, False)
    sides = german_order(clause, "second", "time"), english_order(clause, front="time")
    assert texts(sides) == ("heute kauft der mann hier einen hut", "today the man buys a hat here")


def test_the_possessive_moves_and_absorbs_the_article(d: Derivation, monkeypatch: pytest.MonkeyPatch) -> None:
    house = the(d, "haus", NOMINATIVE)
    woman = the(d, "frau", GENITIVE)
    monkeypatch.setattr(d, "described", lambda *_: woman)
    monkeypatch.setattr(
        d, "pick", lambda entries: noun("frau") if isinstance(entries[0], Noun) else entries[0]
    )
    monkeypatch.setattr(d, "chance", lambda _: False)
    opening, core = house.en[:1], house.en[1:]
    d.add_owner(house, opening, core, 2)
    sides = house.de, house.en
    assert texts(sides) == ("das haus der frau", "the woman's house")
    assert links(*sides).sure == {(1, 2), (2, 0), (3, 1)}
    assert links(*sides).possible - links(*sides).sure == {(0, 1)}


def test_prepositions_contract_with_the_article(d: Derivation) -> None:
    garden = d.described(DATIVE, 0, noun("garten"), lexicon.THE, False, lexicon.LOCATION_ENTRIES[0], False)
    assert texts((garden.de, garden.en)) == ("im garten", "in the garden")
    assert links(garden.de, garden.en).sure == {(0, 0), (0, 1), (1, 2)}
    kitchen = d.described(ACCUSATIVE, 0, noun("küche"), lexicon.THE, False, lexicon.INTO, False)
    assert texts((kitchen.de, kitchen.en)) == ("in die küche", "into the kitchen")


def test_a_compound_is_one_german_word_and_two_english_ones(d: Derivation) -> None:
    door = the(d, "haustür", NOMINATIVE)
    assert texts((door.de, door.en)) == ("die haustür", "the front door")
    assert links(door.de, door.en).sure == {(0, 0), (1, 1), (1, 2)}
    assert noun("küchentisch").de[1][DATIVE] == "küchentischen"
    assert german.RELATIVE["p"][DATIVE] == "denen"
