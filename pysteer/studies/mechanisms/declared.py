"""What the study asks, in words: claims with published numbers and rules, experiments, limits.

Of the numbers of arXiv:2505.03189 those are given that its abstract and descriptions of it report; where only the
sentence is known, it says so. E23 has a file of its own: `adversarial_declared`.
"""

from __future__ import annotations

from pysteer.studies.claims import Above, Below, Claim, Experiment, Published, Within
from pysteer.studies.mechanisms.adversarial_declared import (
    ADVERSARIAL_CLAIMS,
    ADVERSARIAL_EXPERIMENT,
    ADVERSARIAL_LIMITS,
)

PAPER = "arXiv:2505.03189"
KNEE = (40.0, 160.0)
"""Pairs around the published 80, to which a factor of two is allowed."""
_LLAMA = "Llama 3 8B and 70B"
_SENTENCE = (Published("no number found: the sentence only", _LLAMA, PAPER),)
_NEW = (Published("not reported: asked here", "", ""),)


def _planted(value: str) -> tuple[Published, ...]:
    return (Published(value, "the embedded model", "docs/model-organism.md"),)


TITLE = "What does contrastive activation engineering do, and at what price?"
QUESTION = (
    "A vector made of contrast pairs is added to a model's activations. What does that cost on text that has nothing "
    "to do with it, how many pairs does the vector need, and does it work on what users ask?"
)
DESIGN = (
    "A behaviour is given by contrast pairs: questions with two lettered answers, or the same message with two "
    "replies, such as a joyful and a sad one. The vector is the mean difference, over training pairs, between the "
    "model's activations at the one answer and at the other, after one block. It is added after that block with a "
    "strength: 1 is the vector as extracted, -1 its opposite.",
    "How much the model prefers the answer with the behaviour is its propensity: the log-probability of that answer "
    "minus that of the other one, in nats. The slope of the propensity over the strength is the "
    "steerability of an item.",
    "One layer is chosen for all behaviours of a model, on validation items: that with the highest mean slope, each "
    "behaviour's slopes divided by their own root mean square over items and layers, as letters and whole replies are "
    "not on one scale. Validation items also say which behaviours are steered, and at which strength these are "
    "searched for strings that reverse them; of several corpora, perplexity is measured on the one that the models "
    "read best unsteered. Nothing else is chosen by results. Beside the vectors whose effect and price are measured "
    "stand random directions of their norm; not so beside vectors of few pairs, the map of layers, coarser weights "
    "and written texts.",
    "A vector that moves nothing costs nothing and proves nothing about steering. So claims about the price of "
    "steering, about broken texts and about what is left of an effect are decided on the behaviours that are "
    "steered: those whose mean slope on validation items lies above 0 with its whole interval (Student's, where there "
    "are fewer than 20 items, as the bootstrap's is too narrow then). Their effect is "
    "measured on held-out items, which had no part in that. The tables show all of them.",
    "Numbers about a model are means over behaviours with intervals that draw behaviours anew (and windows of text, "
    "or items, within them; random directions, where these are compared with). A small model can be indifferent to "
    "every questionnaire; contrasts of replies, such as joyful against sad and formal against casual, are in the "
    "study on every model, because they can steer small ones.",
)
EXPERIMENTS = (
    Experiment(
        "P20",
        "Planted truths",
        "The embedded model answers joyfully or sadly by a coin toss unless told; its replies show which by their "
        "words. A vector from joyful and sad replies is known to decide that at strength 3 without much damage, and "
        "one disposition of its questionnaires means nothing. A study that works finds both.",
    ),
    Experiment(
        "E20",
        "The price: perplexity over strength and layer",
        "Text that has nothing to do with the behaviour is read with the vector active at every token. Perplexity over "
        "that of the unsteered model is 1 where nothing is lost. KL divergence and entropy say how far the predictions "
        "moved, and whether they became surer. Which layer steers best is found on validation items. Texts are written "
        "at strengths up to 16; a text counts as broken if the unsteered model finds it more surprising than unsteered "
        "texts by over 1 nat per token on average, if half of its groups of four words repeat, or if it is empty. With "
        "several models, or coarser weights of the same one, the loss is compared between them.",
    ),
    Experiment(
        "E21",
        "How many pairs",
        "Activations of all training pairs are recorded once; vectors of random subsets are arithmetic. The knee is "
        "the number of pairs from which on more of them add little: where the vector's cosine with the true mean "
        "direction reaches 0.95, or where its effect, at equal norm, reaches 95 % of that of all pairs. The scatter of "
        "the pairs predicts the first without any subset. As extracted, vectors of few pairs are longer: they carry "
        "their pairs' peculiarities along, and to first order a mean of few pairs moves the behaviour, on average, as "
        "far as one of many. So effects are shown both ways.",
    ),
    Experiment(
        "E22",
        "In and out of distribution",
        "Vectors come from questionnaires (or pairs of replies); in distribution means held-out items of the same "
        "kind. Out of distribution are messages as users send them, written for this study: some offer two options to "
        "choose from, some are open-ended and have a matching and an opposite reply. The behaviour rate is the share "
        "of items on which the model prefers the matching answer; the gain is its change from strength -2 to 2. Of a "
        "short and a long reply the short one is more probable, whatever it says: a contrast of which one side's "
        "answers are, in the median of training pairs, over 1.5 times as long as the other's has slopes but no rate, "
        "takes no part in these claims, and no strings are searched that reverse it (E23).",
    ),
    Experiment(
        "E24",
        "One pair or many",
        "Activation addition takes a single pair, such as two words written by hand; contrastive activation addition "
        "takes the mean over many. Single training pairs show how much depends on which one is taken. All of them are "
        "measured as extracted and scaled to the norm of the mean over all pairs, and added to the same tokens, so "
        "that they differ by their pairs alone.",
    ),
    ADVERSARIAL_EXPERIMENT,
)
CLAIMS = (
    Claim(
        "P1", "P20", "The mood vector makes replies joyful.",
        "share of joyful replies at strength 3", Above(0.75), _planted("0.956 (layer 3, sampled replies)"),
    ),
    Claim(
        "P2", "P20", "Its opposite makes them sad.",
        "share of joyful replies at strength -3", Below(0.25), _planted("0.019 (layer 3, sampled replies)"),
    ),
    Claim(
        "P3", "P20", "That costs little.",
        "perplexity ratio at strength 3", Below(1.5), _planted("1.218 (layer 3, descriptions)"),
    ),
    Claim(
        "P4", "P20", "The disposition that means nothing cannot be steered.",
        "gain of its behaviour rate from strength -2 to 2", Within(-0.2, 0.2), _planted("0"),
    ),
    Claim(
        "C3.4a", "E20", "Steering raises perplexity in general.",
        "share of the cases (behaviour that is steered, strength other than 0) with a ratio above 1", Above(0.5),
        _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.4b", "E20", "Steering towards the behaviour raises perplexity.",
        "mean logarithm of the ratio at strength 2, behaviours that are steered", Above(0.0), _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.4c", "E20", "So does steering away from it: both signs hurt.",
        "mean logarithm of the ratio at strength -2, behaviours that are steered", Above(0.0), _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.4d", "E20", "The loss grows with the strength.",
        "mean rank correlation of the ratio with the absolute strength, behaviours that are steered", Above(0.0),
        _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.4e", "E20", "The vectors cost more than random directions of the same norm.",
        "mean logarithm of the ratio at strengths -2 and 2, minus that of random directions, behaviours that are "
        "steered", Above(0.0), _NEW, n_min=2,
    ),
    Claim(
        "C3.6", "E20", "Early to middle layers steer best.",
        "depth of the layer with the highest mean scaled slope, first 0, last nearly 1", Within(0.25, 0.55),
        (
            Published("0.47 (layer 15 of 32)", "Llama 3 8B", PAPER),
            Published("0.36 (layer 29 of 80)", "Llama 3 70B", PAPER),
        ),
    ),
    Claim(
        "C3.7a", "E20", "Moderate strengths work.",
        "share of held-out items that strength 2 moves towards the behaviour, mean over behaviours", Above(0.5),
        _SENTENCE,
    ),
    Claim(
        "C3.7b", "E20", "At a moderate strength texts stay whole.",
        "share of broken texts at strength 2 minus that without steering, behaviours that are steered", Below(0.25),
        _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.7c", "E20", "Too large a strength gives gibberish.",
        "share of broken texts at strength 16, behaviours that are steered", Above(0.5), _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.5", "E20", "A larger model resists the loss better.",
        "mean logarithm of the ratio at strengths -2 and 2, smallest model minus largest, behaviours that both are "
        "steered in", Above(0.0), (Published("no number found: 70B better than 8B", _LLAMA, PAPER),), n_min=2,
    ),
    Claim(
        "C3.5b", "E20", "Four-bit weights do not change the price.",
        "mean logarithm of the ratio at strengths -2 and 2, Q4_0 minus the file given", Within(-0.05, 0.05), _NEW,
        n_min=2,
    ),
    Claim(
        "C3.2a", "E21", "More than about 80 pairs add little to the effect.",
        "pairs at which the effect, at equal norm, reaches 95 % of that of all pairs, median of the behaviours that "
        f"steer and have {2 * KNEE[1]:g} pairs or more",
        Within(*KNEE), (Published("about 80 (80 to 100)", _LLAMA, PAPER),), n_min=2,
    ),
    Claim(
        "C3.2b", "E21", "More than about 80 pairs add little to the direction.",
        "pairs at which the cosine with the true direction reaches 0.95, predicted from the scatter, median behaviour",
        Within(*KNEE), (Published("about 80 (80 to 100)", _LLAMA, PAPER),),
    ),
    Claim(
        "C3.2c", "E21", "The scatter of the pairs predicts how fast the vector settles.",
        "largest difference between measured and predicted cosine over sizes, mean over behaviours", Below(0.05), _NEW,
    ),
    Claim(
        "C3.1a", "E22", "Steering works in distribution.",
        "gain of the behaviour rate on held-out items, mean over behaviours", Above(0.0), _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.1b", "E22", "Out of distribution there is close to no effect.",
        "gain of the behaviour rate on user queries, mean over behaviours", Within(-0.1, 0.1), _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.1c", "E22", "Less than half of the effect is left on user queries.",
        "gain on user queries over gain in distribution, behaviours that are steered in distribution", Below(0.5),
        _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.1d", "E22", "The effect on user queries is smaller.",
        "gain in distribution minus gain on user queries, mean over behaviours", Above(0.0), _SENTENCE, n_min=2,
    ),
    Claim(
        "C3.8a", "E24", "At equal norm a single pair steers less than many.",
        "slope of single pairs' vectors over that of all pairs, each summed over the behaviours that steer", Below(0.8),
        (Published("no number found", _LLAMA, PAPER),), n_min=2,
    ),
    Claim(
        "C3.8b", "E24", "Which single pair is taken matters.",
        "standard deviation of the slope over single pairs, as extracted, over the slope of all pairs, each summed "
        "over the behaviours that steer", Above(0.25), _NEW, n_min=2,
    ),
    Claim(
        "C3.8c", "E24", "A hand-written pair of words does as well as many pairs.",
        "slope of the hand-written pair over that of all pairs, equal norm, each summed over the behaviours that steer",
        Above(0.8), _NEW, n_min=2,
    ),
    *ADVERSARIAL_CLAIMS,
)  # fmt: skip
LIMITS = (
    "The published experiments used Llama 3 models of 8 and 70 billion parameters; their code was not released, and "
    "exact numbers, the list of behaviours, the corpus for perplexity and the test set of user queries could not be "
    "found. What can be compared are signs, trends and orders of magnitude. The claim about size (70B against 8B) "
    "needs several models in one run: --model given several times, from small to large.",
    "The user queries and replies were written for this study, by its authors and not by users; with a tiny model "
    "they are far from everything it was trained on. Those of the embedded model are in its own language: prompts "
    "that it was never asked, with and without options, and statements of its questionnaires in another form. A gain "
    "on them is not comparable between behaviours of different wording.",
    "The strength is in multiples of the vector as extracted, as in the paper. Vectors of different behaviours, layers "
    "and models differ in length, so the same strength is not the same push; the random directions of equal norm show "
    "what a push of that length does in itself.",
    "That claims about the price are decided on the behaviours that are steered was settled after a first small run on "
    "the embedded model, whose vectors for dispositions are a fiftieth as long as its activations.",
    "Which behaviours are steered is judged on the validation items on which the layer was chosen, too. So one may "
    "pass by chance, and one may fail for want of items; the table of the steered ones gives n of both.",
    "The contrasts concise against verbose, polite against rude and past against future, and the embedded model's "
    "wordy against brief and thought against at once, were added when results of the other behaviours were known, and "
    "before any of theirs. Pairs of polite against rude and past against future were written for this study; those of "
    "the embedded model are put together from replies that it knows.",
    "After a review, when results were known, some pairs and queries were written anew, without a look at what that "
    "does to the results: queries that stood among the pairs, pairs in which more than the time differed, held-out "
    "items about past and future (which have time phrases of their own since), and the dealing of the embedded "
    "model's replies. Happy and sad scenes, which had the queries of joyful against sad, have none since.",
    "After the same review three estimates were made anew, each because the old one was biased, and not for what "
    "came out: the measured knee (a median over behaviours with enough pairs, in which those that cannot be seen "
    "count; it was a mean without them), the ratios of single pairs (of sums; they were means of ratios, without "
    "behaviours that all pairs do not steer on the measured items), and which behaviours decide about adversarial "
    "inputs (chosen on validation items only; they were judged on the measured ones again).",
    "Random directions are few and the same for all behaviours. Intervals draw them, too, which with so few is "
    "rather too narrow than too wide. A statement of the embedded model is asked in two forms, which count as two "
    "user queries.",
    "Perplexity ratios are of one text, that which the models of a run read best on average among those offered; "
    "what steering does to other text may differ. Models are compared on the beginnings of the same texts, per token "
    "of each model: other vocabularies make other tokens. Surprise and repetition are proxies of broken text; no "
    "human and no judge has read the texts.",
    "Where a behaviour is not steered at all (its slope's interval holds 0), ratios to its effect are not formed, and "
    "knees of its effect do not exist. With small models that leaves few behaviours, and verdicts about "
    "behaviours in general stay open.",
    "With N pairs, a knee above N/2 cannot be seen in subsets, as these then are largely the whole, and 95 % of the "
    "effect of all N is less than 95 % of that of the true direction. So the claim about the measured knee is decided "
    f"by behaviours with {2 * KNEE[1]:g} pairs or more only: with fewer, it could come out below the published number "
    "and not above it. A knee above N/2 counts as above; where an end of the interval is such a one there is no "
    "number. The predicted knee does not have that limit, but rests on the pairs being independent.",
    "With n = 2 behaviours an interval over behaviours is hardly more than their range: such a verdict says that both "
    "agree, and no more.",
    "Intervals over behaviours take these as a sample of behaviours; some are related. They do not know about other "
    "seeds, splits or prompt formats.",
    *ADVERSARIAL_LIMITS,
)
