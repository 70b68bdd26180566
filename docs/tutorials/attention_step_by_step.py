# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Attention, step by step
#
# A machine translates a sentence. Which source words did it look at while it wrote each word? With *attention* this
# question has an answer in numbers. This notebook builds attention up from the problem it solves, works out one example
# by hand, trains small models, and reads what they do. Everything runs in a few minutes on a laptop, without a
# download.
#
# You need to know what a vector, a dot product and a derivative are; the rest is here. Open it as a notebook with
# `jupytext --to notebook attention_step_by_step.py`, or run it as it is: `python attention_step_by_step.py`.
#
# The idea of showing attention as a handful of small steps, one after another, is Raimi Karim's (*Attn:
# Illustrated Attention*, 2019). The steps themselves are those of the papers listed at the end.

# %%
import tempfile
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from rich import print as show

import regard
from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.data.grammar import generate
from regard.explain import HeatMap, example_scores, softer_example, worked_example
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import END, START
from regard.recurrent import CELLS, run

torch.manual_seed(1)
np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 1. Translating with two recurrent networks
#
# A *recurrent network* reads a sequence one token at a time. It keeps a *hidden state*, a vector, and at each
# token computes a new state from the token and the previous state. A *sequence-to-sequence* model is two of these:
#
# - the **encoder** reads the source sentence. Its last state has seen everything. It is the **sentence
#   embedding**: one vector, of a size that we choose, for a sentence of three words or of sixty;
# - the **decoder** starts from that vector and writes. Its first input is a **start symbol**; from then on its
#   input is the word that it has just written. It continues until it writes **end-of-sentence**.
#
# Here is one, untrained, with a vocabulary of ten words (ids 4 to 13; the first four ids are padding, unknown, start
# and end). Its translation is nonsense, but look at how it comes about.

# %%
WORDS = 10


def small_model(cell: str, decoder: str = "plain", score: str = "none") -> Seq2Seq:
    """An encoder and a decoder with states of 32 numbers; `plain` is the decoder without attention."""
    config = ModelConfig(
        embedding_size=16,
        dropout=0.0,
        encoder=EncoderConfig(cell=cell, hidden_size=32, bidirectional=False),
        decoder=DecoderConfig(name=decoder, cell=cell, hidden_size=32, bridge="copy"),
        attention=AttentionConfig(score=score, size=32),
    )
    torch.manual_seed(1)
    return build_model(config, END + 1 + WORDS, END + 1 + WORDS)


model = small_model("lstm")
source = torch.tensor([[4, 9, 6, END]])
with torch.no_grad():
    memory = model.encode(source, torch.ones_like(source, dtype=torch.bool))
    print(
        "encoder states:",
        tuple(memory.values.shape[1:]),
        " sentence embedding:",
        tuple(memory.final.shape[1:]),
    )
    state, token, written = model.decoder.start(memory), torch.tensor([START]), []
    while len(written) < 6:  # an untrained decoder may never end by itself
        step = model.decoder.step(token, state, memory)
        token = model.log_probabilities(step.combined)[:, 0].argmax(-1)
        state = step.state
        written.append(int(token))
        if written[-1] == END:
            break
print("written:", written)

# %% [markdown]
# Two things to notice. The decoder saw `memory.final` and nothing else of the sentence. And the *words* it wrote
# were fed back: the state after three words depends on which three words they were. Both will matter.

# %% [markdown]
# ## 2. Why one vector is not enough
#
# Suppose that the source has fifty words and the decoder is about to write the translation of the first. What it
# needs entered the encoder fifty steps ago, and has been rewritten fifty times since. Learning has to cover the same
# distance: the error at the output changes the weights through derivatives, and these pass through every one of
# those steps.
#
# **The gradient against distance.** How much does the last state $h_T$ change when the input $d$ steps earlier
# changes a little? We take an untrained network, read fifty random vectors, and measure the size of the
# derivative at every distance.


# %%
def gradient_sizes(cell: str, length: int = 50, size: int = 32, networks: int = 20) -> np.ndarray:
    """Return the mean norm of the derivative of the last state by the input d steps earlier, for d = 0, 1, …"""
    sizes = np.zeros(length)
    for seed in range(networks):
        torch.manual_seed(seed)
        network = CELLS[cell](16, size)
        inputs = torch.randn(1, length, 16, requires_grad=True)
        _, last = run(network, inputs, network.zero(1))
        (gradient,) = torch.autograd.grad(last[0], inputs, torch.randn(1, size))
        sizes += gradient[0].norm(dim=-1).flip(0).numpy() / networks
    return sizes


reach = {cell: gradient_sizes(cell) for cell in ("rnn", "lstm")}
figure, axes = plt.subplots(figsize=(7, 3.5))
for cell, sizes in reach.items():
    axes.semilogy(range(50), sizes, label=cell)
axes.set_xlabel("distance in steps")
axes.set_ylabel("size of the gradient")
axes.legend()
axes.set_title("What the last state knows of an earlier word")
for cell, sizes in reach.items():
    print(f"{cell:5} after 1 step {sizes[1]:.1e}, after 10 {sizes[10]:.1e}, after 49 {sizes[49]:.1e}")

# %% [markdown]
# The scale is logarithmic: a straight line downwards is a fixed *factor* per step. A factor of 0.7 leaves
# $0.7^{49}$ of the gradient after 49 steps, one part in forty million. The plain cell (`rnn`) multiplies what it
# knows by the same matrix at every step; the LSTM was designed against that (Hochreiter & Schmidhuber 1997): its
# cell state passes through a *forget gate* that can stay open. Untrained, the gate is half open, so the gradient
# fades as well, but the LSTM can *learn* to open it.

# %% [markdown]
# **First-word accuracy against distance.** Does it matter in practice? Here is a task that needs nothing but memory:
# read words, then write the *first* one. We train on sentences of up to fifty words and ask how often the word
# is right, by its distance. Guessing gives one in ten.


# %%
def sentences(num_sentences: int, length: int, seed: int) -> Batch:
    """Generate sources of random words and END; the target is the first word and END."""
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(END + 1, END + 1 + WORDS, (num_sentences, length + 1), generator=generator)
    source[:, -1] = END
    target = torch.stack([source[:, 0], torch.full((num_sentences,), END)], dim=1)
    return Batch(source, torch.ones_like(source).bool(), target, torch.ones_like(target).bool())


def learn_first_word(model: Seq2Seq, steps: int) -> Seq2Seq:
    """Train on sentences of one to fifty words, one length per batch, short ones more often."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    random = np.random.default_rng(1)
    for step in range(steps):
        length = int(np.exp(random.uniform(0, np.log(LONGEST + 1))))
        loss = model(sentences(64, length, seed=step))
        optimiser.zero_grad()
        (loss.total / loss.num_tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model.eval()


@torch.no_grad()
def first_word_accuracy(model: Seq2Seq, distance: int) -> float:
    """Return the accuracy on 400 unseen sentences of `distance` words."""
    batch = sentences(400, distance, seed=1_000_000 + distance)
    guesses = model.head(model.unroll(batch).combined[:, 0]).argmax(-1)
    return float((guesses == batch.target[:, 0]).float().mean())


LONGEST, STEPS = 50, 700
DISTANCES = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50)
contestants = {
    "rnn": small_model("rnn"),
    "lstm": small_model("lstm"),
    "rnn with attention": small_model("rnn", "luong", "general"),
}
accuracy = {}
for name, untrained in contestants.items():
    trained = learn_first_word(untrained, STEPS)
    accuracy[name] = [first_word_accuracy(trained, distance) for distance in DISTANCES]
    print(f"{name:20}", "  ".join(f"{100 * share:3.0f}" for share in accuracy[name]))

# %%
figure, axes = plt.subplots(figsize=(7, 3.5))
for name, shares in accuracy.items():
    axes.plot(DISTANCES, shares, marker="o", label=name)
axes.axhline(1 / WORDS, color="grey", linestyle=":", label="guessing")
axes.set_xlabel("distance of the first word")
axes.set_ylabel("accuracy")
axes.set_ylim(0, 1.05)
axes.legend()
axes.set_title("Repeat the first word")

# %% [markdown]
# The plain network is sure of the first word as long as it is near, and gets worse with every further word. The LSTM
# has learnt to keep its gate open and can hold on to *one* word that long; but a sentence is fifty of them, and all
# must go through the same vector (`regard demo` shows how translations get worse with length even so). The third
# curve is the *plain* network again, the one that forgets, with one addition: it may look back. Distance then
# costs nothing, since every encoder state is **one** step away.
#
# (This is a very easy task. Trained for longer, at a higher learning rate, the plain network solves it too: exercise 7.)
#
# ## 3. Attention
#
# The encoder computed a state for *every* word, and the fixed vector threw all but the last away. Attention keeps
# them. At every output word the decoder gets a **context**: a weighted combination of **all** encoder states.
# The weights are
#
# - at least 0 and **sum to 1**, so that each is a word's share of the attention;
# - **computed anew for every output word**, from the encoder states and from what the decoder knows at that
#   moment, which depends on everything it has written so far;
# - **learnt** along with everything else. Nobody tells the model which word translates which; attending to the right
#   word simply makes the right next word more probable.
#
# Here is one step of it, by hand. The encoder has read four words and left four states; the decoder is about to write.
# Real states have hundreds of numbers, ours have three.
#
# ### Step 0: the states

# %%
decoder_hidden = np.array([10, 5, 10])
encoder_hidden = np.array([[0, 1, 1], [5, 0, 1], [1, 1, 0], [0, 5, 1]])

# %% [markdown]
# The decoder's state is the *query*. (Where does the very first one come from? From the encoder's last state,
# through a *bridge*: the sentence embedding is still there, it just no longer has to carry everything.)
#
# ### Step 1: a score for every encoder state
#
# How well does each encoder state fit the query? The simplest measure is the dot product: large when both are
# large in the same components. (Section 5 has the others.) The function that computes it is also called the
# *alignment model*, the numbers *alignment scores*.

# %%
scores = encoder_hidden @ decoder_hidden
for hidden, score in zip(encoder_hidden, scores, strict=True):
    print(" + ".join(f"{q}×{h}" for q, h in zip(decoder_hidden, hidden, strict=True)), "=", score)
assert scores.tolist() == [15, 60, 15, 35]

# %% [markdown]
# ### Step 2: scores become weights
#
# The softmax, $w_s = e^{score_s} / \sum e^{score}$, makes them positive and makes them sum to 1. These are the
# *attention weights*.

# %%
powers = np.exp(scores - scores.max())  # subtracting the largest changes no weight, and avoids e⁶⁰
weights = powers / powers.sum()
print(weights, "sum", weights.sum())
assert weights.round(6).tolist() == [0, 1, 0, 0]

# %% [markdown]
# About 0, 1, 0, 0: all attention is on the second word. Not *exactly*: the fourth keeps $10^{-11}$. The softmax
# depends on *differences*; between 60 and 35 there is a factor of $e^{25}$.
#
# ### Step 3: each state is multiplied by its weight
#
# The results are called *alignment vectors* or *annotation vectors*. A state with a weight near 0 fades to zeros.

# %%
alignment = weights[:, None] * encoder_hidden
print(alignment.round(6))

# %% [markdown]
# ### Step 4: they are summed
#
# The sum is the **context**: what was attended to, in one vector. Its size does not depend on the length of the
# sentence.

# %%
context = alignment.sum(axis=0)
print(context.round(6))
assert context.round(6).tolist() == [5, 0, 1]

# %% [markdown]
# ### Step 5: the context is fed to the decoder
#
# … in one way or another: that is where the architectures differ, and section 4 is about it.
#
# That is all. `regard` does the same, is tested against this example, and prints it (`regard explain --example`) or
# animates it on a page (`regard explain --example --html page.html`).

# %%
known = worked_example()
assert np.allclose(known.scores, scores)
assert np.allclose(known.weights, weights)
assert np.allclose(known.context, context)

# %% [markdown]
# Weights of 0 and 1 are an extreme. With a decoder state 25 times smaller the scores lie closer, and every word
# keeps a share:

# %%
soft = softer_example()
print("scores ", soft.scores)
print("weights", soft.weights, "sum", soft.weights.sum())
print("context", soft.context)

# %% [markdown]
# ## 4. Three ways to use a context
#
# Two questions tell architectures apart: *which* decoder state is the query, and *where* does the context go?
#
# | | query | the context goes |
# |---|---|---|
# | **Bahdanau** et al. 2015 | the state *before* this step, $s_{i-1}$ | into the decoder cell, with the previous word; the new state and the context predict the word |
# | **Luong** et al. 2015 | the state *after* this step, $h_t$ | with $h_t$ through $\tilde h_t = \tanh(W[c_t; h_t])$, which predicts the word; with *input feeding* $\tilde h_t$ also enters the next step |
# | **GNMT**, Wu et al. 2016 | the *bottom* layer's state of the previous step | into *every* layer of a deep decoder (eight in the paper, with residual connections); the top layer predicts the word |
#
# Bahdanau's encoder reads in both directions, and the decoder starts from the backward half; Luong's stacks
# layers on both sides; GNMT's bottom encoder layer reads in both directions, the others forwards. In `regard` every
# decoder has a method, `step`, that reads like its paper; here are the three, describing themselves and taking one
# step.

# %%
for name, num_layers in (("bahdanau", 1), ("luong", 1), ("gnmt", 2)):
    config = ModelConfig(
        encoder=EncoderConfig(cell="gru", hidden_size=4, bidirectional=False),
        decoder=DecoderConfig(name=name, cell="gru", hidden_size=4, num_layers=num_layers, bridge="zero"),
        attention=AttentionConfig(score="additive", size=4),
    )
    one = build_model(config, 20, 20).eval()
    with torch.no_grad():
        memory = one.encode(source, torch.ones_like(source).bool())
        step = one.decoder.step(torch.tensor([START]), one.decoder.start(memory), memory)
    print(f"{name}: the query is {one.decoder.query_source}; its context {one.decoder.context_use}.")
    print(f"   weights of four states: {step.attention.weights[0, 0].numpy()}")

# %% [markdown]
# ## 5. Score functions side by side
#
# Step 1 is the only one with a choice. All of these are in use:
#
# | score | formula | learnt | idea |
# |---|---|---|---|
# | cosine, *content-based* (Graves et al. 2014) | $\beta \cos(q, k)$ | $\beta$ | the angle between the two, however long they are |
# | additive, or *concat* (Bahdanau et al. 2015; Luong et al. 2015) | $v \cdot \tanh(W q + U k)$ | $W, U, v$ | a small network; widths may differ |
# | location-based (Luong et al. 2015) | $(W q)_s$ | $W$ | the position alone: the encoder states are ignored |
# | general (Luong et al. 2015) | $q \cdot W k$ | $W$ | a dot product after a learnt linear map |
# | dot (Luong et al. 2015) | $q \cdot k$ | nothing | both sides must learn to live in the same space |
# | scaled dot (Vaswani et al. 2017) | $q \cdot k / \sqrt{K}$ | nothing | the root keeps the softmax soft when states are wide |
#
# The example under each of them; parameters that would be learnt are set by hand (`regard explain --example` says how).

# %%
table = example_scores(known.query, known.values)
for score in table:
    print(f"{score.name:11} scores {score.scores.round(2)!s:32} weights {score.weights.round(3)}")

# %%
figure, axes = plt.subplots(figsize=(8, 3.5))
names = [score.name for score in table]
left = np.zeros(len(names))
for position in range(4):
    widths = np.array([score.weights[position] for score in table])
    axes.barh(names, widths, left=left, label=f"encoder state {position + 1}")
    left += widths
axes.invert_yaxis()
axes.set_xlabel("weight")
axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize="small")
figure.tight_layout()

# %% [markdown]
# The same states, the same query, and yet the weights differ widely: a score function is a decision about what
# "fits" means. Note how the cosine, which ignores length, is almost uniform; how the additive score cannot tell the
# states apart at all, since the tanh of numbers as large as these is 1 (trained models keep theirs smaller); and how
# dividing by $\sqrt 3$ softens nothing visible when scores differ by 45.
#
# ## 6. A model that learnt where to look
#
# Now a real one. `regard` has a small German–English grammar inside, with cases, verbs at the end of subordinate
# clauses, and gold word links that the model never sees. We train for a few minutes.

# %%
folder = Path(tempfile.mkdtemp())
pairs = list(generate(12_000, seed=5, length=(2, 14)))
unseen = list(generate(60, seed=3, split="test", length=(2, 14)))
(folder / "train.de").write_text("".join(f"{pair.source}\n" for pair in pairs), encoding="utf-8")
(folder / "train.en").write_text("".join(f"{pair.target}\n" for pair in pairs), encoding="utf-8")
regard.train(
    "demo_attention",
    [folder / "train.de", folder / "train.en"],
    out=folder / "model",
    overrides=[
        "--model.embedding_size=64",
        "--model.encoder.hidden_size=48",
        "--model.decoder.hidden_size=96",
        "--training.epochs=0",
        "--training.max_steps=1600",
        "--training.validate_every=800",
        "--training.device=cpu",
    ],
)
translator = regard.load(folder / "model")

# %% [markdown]
# In a notebook a translation is displayed as its attention matrix; point at its words. In a terminal it is a heat map.

# %%
translation = translator.translate("die alte frau glaubt , dass der mann lacht .")
show(translation)
translation

# %% [markdown]
# ### What "depends on everything it has written so far" means
#
# The German sentence below has two articles, and so has the English one. Force the decoder to write the translation,
# and read two rows: the step after each *the*. The decoder's input there is the same word, so the same vector, both
# times.


# %%
def largest_weights(aligned: regard.Translation, row: int) -> str:
    """Format the three largest weights of a row with their source tokens."""
    order = aligned.attention[row].argsort()[::-1][:3]
    return ", ".join(
        f"{aligned.source_tokens[column]} {100 * aligned.attention[row, column]:.0f} %" for column in order
    )


aligned = translator.align("der mann sieht die frau .", "the man sees the woman .")
show(HeatMap(aligned.attention, aligned.source_tokens, aligned.tokens))
for row, token in enumerate(aligned.tokens):
    if token == "the":
        so_far = " ".join(aligned.tokens[: row + 1])
        print(f"after {so_far!r:20} it attends to {largest_weights(aligned, row + 1)}")

# %% [markdown]
# The same last word, the same source, and different weights. What differs is the *history*: the query is the decoder's
# state, which has been through all the words before. After *the* it attends to the man, after *the man sees the* to
# the woman. (Not every history makes a difference. *the woman sees the* has the wrong beginning, and yet the next
# weights may well be those after the right one: that a verb was written was enough. Try it.)
#
# ## 7. Reading a matrix
#
# A row is an output word, a column a source word, and a row sums to 1. What to look for:
#
# - a **diagonal**: word order agrees; a **jump** off it: it does not (German verbs wait at the end of the
#   clause);
# - one row spread over **several columns**: an output word that stands for several, or a model that is unsure;
# - a column without weight: a word left out, or one whose neighbours' states have taken over. An encoder state knows
#   its neighbours, so weight on the word *next to* the right one is common;
# - weight on **end-of-sentence** or on the full stop: often where attention rests for words that need nothing from
#   the source.

# %%
trace = translator.trace("heute sieht der alte mann eine frau .")
show(HeatMap(trace.translation.attention, trace.translation.source_tokens, trace.translation.tokens))
for step in trace.steps:
    entropy = -(step.weights * np.log2(np.maximum(step.weights, 1e-12))).sum()
    best = trace.translation.source_tokens[step.weights.argmax()]
    print(
        f"{step.token:10} attends to {best:10} {100 * step.weights.max():3.0f} %   entropy {entropy:.2f} bits"
    )

# %% [markdown]
# Are these the right words? The grammar knows which word translates which. The *alignment error rate* (AER, Och &
# Ney 2003) compares the words with the largest weights with these gold links: 0 is perfect; the diagonal is what one
# gets without having learnt anything about words.

# %%
judged = regard.evaluate(translator, unseen, bootstrap=0)
print(
    f"BLEU {judged.bleu.value:.0f};  AER of attention {judged.aer.aer:.2f}, of the diagonal {judged.diagonal_aer.aer:.2f}"
)

# %% [markdown]
# And is where it looked *why* it wrote what it wrote? A heat map by itself does not prove that (Jain & Wallace
# 2019; Wiegreffe & Pinter 2019 disagree on what would). It can be measured: remove words, replace the weights, and see
# what changes.

# %%
measured = regard.faithfulness(translator, unseen, sentences=30, bootstrap=200)
print(measured.verdict.words)
for reason in measured.verdict.reasons:
    print(f"- {reason.question} {reason.answer}. {reason.found}")

# %% [markdown]
# ## 8. Exercises
#
# Solutions follow. Try first.
#
# 1. By hand: the query is now $[1, 0, 0]$ and the states are as in section 3. Scores, weights, context?
# 2. The softmax of section 3 was almost a switch. Which *temperature* $\tau$ in $e^{score / \tau}$ leaves the
#    fourth state a weight of 5 %?
# 3. Shuffle the encoder states (and nothing else). What happens to the weights? To the context? Is there a score
#    function for which your answer is wrong?
# 4. Find a sentence of the grammar and two beginnings of its translation that end in the same word, such that the
#    next weights differ by more than 0.5 on some source word.
# 5. A plain network loses a factor of 0.8 of the gradient at each step. After how many steps is a thousandth
#    left? With attention, how many steps lie between an output word and *any* source word?
# 6. Force all weights to be equal. What is the context then, and can the decoder still tell *der hund beisst den
#    mann* from *den hund beisst der mann*?
# 7. Train the plain network of section 2 with a learning rate of 5e-3. After how many steps does the curve reach the
#    top? Then make the task harder: 60 words instead of 10. Whose accuracy falls first?

# %% [markdown]
# ### Solutions
#
# **1.** The scores are the first numbers of the states: 0, 5, 1, 0.

# %%
scores = encoder_hidden @ np.array([1, 0, 0])
weights = np.exp(scores) / np.exp(scores).sum()
context = weights @ encoder_hidden
print(scores, weights, context)
assert scores.tolist() == [0, 5, 1, 0]
assert np.isclose(weights[1], np.exp(5) / (2 + np.exp(5) + np.exp(1)))

# %% [markdown]
# **2.** Only the second and the fourth matter much: $e^{-25/\tau} \approx 0.05 / 0.95$, so $\tau \approx 25 / \ln
# 19 \approx 8.5$. The first and the third get a little as well.

# %%
temperature = 25 / np.log(19)
powers = np.exp((known.scores - 60) / temperature)
print(f"temperature {temperature:.2f}:", powers / powers.sum())
assert abs((powers / powers.sum())[3] - 0.05) < 0.002

# %% [markdown]
# **3.** The weights are shuffled along, and the context, a sum, stays what it was: content-based attention ignores
# order. (That the *model* does not is the encoder's work: in another order it would compute other states.)
# The location-based score is the exception: its weights belong to positions, so the context changes.

# %%
order = np.array([2, 0, 3, 1])
for score in example_scores(known.query, known.values):
    shuffled = next(one for one in example_scores(known.query, known.values[order]) if one.name == score.name)
    same = np.allclose(shuffled.weights @ known.values[order], score.weights @ known.values)
    print(f"{score.name:11} the context {'stays' if same else 'changes'}")
    assert same == (score.name != "location")

# %% [markdown]
# **4.** For instance a sentence with two noun phrases of the same article; the beginnings translate one of them,
# or the other. A search over the unseen sentences: compare the weights after the first *the* with those after the
# second.

# %%
found = []
for pair in unseen:
    aligned = translator.align(pair.source, pair.target)
    rows = [row for row, token in enumerate(aligned.tokens[:-1]) if token == "the"]
    found += [
        (float(np.abs(aligned.attention[a + 1] - aligned.attention[b + 1]).max()), pair.source, pair.target)
        for a, b in pairwise(rows)
    ]
largest = max(found)
print(f"{largest[0]:.2f}: {largest[1]} → {largest[2]}")

# %% [markdown]
# **5.** $0.8^d = 10^{-3}$ gives $d = \ln 1000 / \ln 1.25 \approx 31$ steps. With attention there is one step,
# whatever the distance: the context is a sum in which every encoder state takes part directly.

# %%
assert round(np.log(1000) / np.log(1.25)) == 31

# %% [markdown]
# **6.** The mean of the encoder states, a "bag" of them. Were the states those of the words alone, the two
# sentences would give the same mean; since a recurrent encoder's states know what came before, a trace of the
# order is left, but the decoder can no longer select one word. That is the control
# `--model.attention.score=uniform`; train it and another, and `regard compare` the two.
#
# **7.** At that rate about 500 steps are enough for ten words (it depends on the seed). More words demand more of the 32
# numbers of the state, and of the gradient that has to tell them apart: see whose curve falls first.
#
# ## Where to go from here
#
# - `regard demo` trains with and without attention on the same number of words, and shows both by sentence
#   length;
# - `regard explain MODEL "…" --html page.html` animates these steps with your model's numbers;
# - `docs/glossary.md` says what papers and courses call each thing; `docs/faithfulness.md` what can be trusted.
#
# **Papers.** Sutskever, Vinyals & Le 2014, *Sequence to sequence learning with neural networks*; Cho et al. 2014,
# *Learning phrase representations using RNN encoder–decoder*; Bahdanau, Cho & Bengio 2015, *Neural machine
# translation by jointly learning to align and translate*; Luong, Pham & Manning 2015, *Effective approaches to
# attention-based neural machine translation*; Wu et al. 2016, *Google's neural machine translation system*;
# Graves, Wayne & Danihelka 2014, *Neural Turing machines*; Vaswani et al. 2017, *Attention is all you need*;
# Hochreiter & Schmidhuber 1997, *Long short-term memory*; Och & Ney 2003, *A systematic comparison of various
# statistical alignment models*; Jain & Wallace 2019, *Attention is not explanation*; Wiegreffe & Pinter 2019,
# *Attention is not not explanation*. **Ideas.** Raimi Karim 2019, *Attn: Illustrated Attention*: the steps drawn
# one by one, with small whole numbers.
