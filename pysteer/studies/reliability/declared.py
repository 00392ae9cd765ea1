"""What the study asks, in words: claims with published numbers and rules, experiments, limits.

Published numbers are those of arXiv:2407.12404 for Llama-2-7b-chat and Qwen1.5-14B-Chat; "figure" marks values read off
its figures, exact to the last digit shown plus or minus one.
"""

from __future__ import annotations

from pysteer.studies.claims import Above, Below, Claim, Experiment, Published, Within

PAPER = "arXiv:2407.12404"
_LLAMA, _QWEN = "Llama-2-7b-chat", "Qwen1.5-14B-Chat"
_NEW = (Published("not reported: asked here", "", ""),)
_CAA = (Published("for all seven behaviours; numbers not found", "Llama-2 chat models", "arXiv:2312.06681"),)
_PLANTED = "the embedded model"


def _both(llama: str, qwen: str, source: str) -> tuple[Published, ...]:
    return Published(llama, _LLAMA, source), Published(qwen, _QWEN, source)


TITLE = "Is steering reliable, and does it generalise?"
QUESTION = (
    "A steering vector is made from questions and added to a model's activations. On which other questions does it "
    "push "
    "the answer the intended way, and does it still do so when the prompt changes?"
)
DESIGN = (
    "Each questionnaire asks about one disposition. Every question has two answers, (A) and (B); one of them shows the "
    "disposition. The vector is the mean difference, over training questions, between the model's activations at the "
    "letter of the one answer and at that of the other.",
    "Adding the vector with a strength from -1.5 to 1.5 at one layer, from the last token of the prompt on, changes "
    "how much "
    "the model prefers the answer with the disposition (its propensity: the log-probability of one letter minus that "
    "of "
    "the other, in nats). The slope of that preference over the strength is the steerability of a question; its mean "
    "over "
    "questions that the vector has not seen, that of the questionnaire. A question whose slope is not positive is "
    "anti-steerable: the vector pushes it the wrong way.",
    "The layer is chosen on validation questions, the same for all questionnaires of a model. Prompts come in up to "
    "five "
    "settings: BASE (the default system message), SYS_POS and SYS_NEG (the system message is a persona with or without "
    "the disposition), USER_POS and USER_NEG (the persona stands in front of the question). In distribution means that "
    "vector and test share the setting BASE. Vectors of other settings are scaled to the norm of the BASE vector.",
    "As controls there are random directions of the same norm, and vectors of pairs in which half of the sides are "
    "swapped.",
)
EXPERIMENTS = (
    Experiment(
        "P00",
        "Planted truths",
        "The embedded model was trained with known quirks. A study that works finds them: a preference for the "
        "letter A "
        "where nothing decides, one theme on which a disposition answers the other way round, a disposition that means "
        "nothing, and one that follows the system message only. They were planted as answers to personas in the "
        "prompt, "
        "and are looked for there, without steering; whether a vector can do the same is what the other experiments "
        "ask.",
    ),
    Experiment(
        "E01",
        "Steerability of single items",
        "A questionnaire's mean hides its items. The figure shows every item's slope, and the share of items that are "
        "anti-steerable. A direction without an effect has a share of about one half.",
    ),
    Experiment(
        "E02",
        "Answer-position bias",
        "A vector can move the letter A, or the word Yes, rather than the disposition. How much of the variance of "
        "slopes "
        "between items do the wanted letter and the wanted word explain, although training was balanced in both?",
    ),
    Experiment(
        "E03",
        "Shifts of the prompt",
        "The vector of one prompt setting is tested under another. The rank correlation says whether the same "
        "questionnaires stay steerable; the ratio of means says how much steerability is left.",
    ),
    Experiment(
        "E04",
        "Across models",
        "If a questionnaire that steers one model well also steers another one, steerability belongs to the behaviour "
        "rather than to the model.",
    ),
    Experiment(
        "E05",
        "Transfer between settings",
        "For all ordered pairs of settings: how well does the vector of one steer the other, relative to its own "
        "vector; "
        "and how differently does the model answer in the two without any steering?",
    ),
    Experiment(
        "E06",
        "The layer",
        "Vectors of every layer, each added at its own layer, on validation items. Vectors grow with depth, and so "
        "does "
        "what is added.",
    ),
    Experiment(
        "E07",
        "Ways of extracting, and range of strengths",
        "Principal component and logistic regression in place of the mean, all scaled to the same norm; slopes over "
        "narrower ranges of strength. Do they rescue questionnaires that are badly steerable, or change their order?",
    ),
    Experiment(
        "E08",
        "Leak check",
        "The published code's test split, read literally, holds training items. Here both are measured: items that the "
        "vector was made of, and others.",
    ),
    Experiment(
        "E09",
        "Coarser weights",
        "The model is quantised on the fly. Is its vector still the same direction, does it steer as well, and does "
        "the "
        "vector of the original file still work?",
    ),
    Experiment(
        "E10",
        "The seven behaviours of contrastive activation addition",
        "Vectors of seven behaviours, scaled to one norm, are added with multipliers from -2 to 2 behind the prompt; "
        "how likely is the answer that matches the behaviour, with and without a persona for or against it? The "
        "embedded model is asked about its own dispositions instead.",
    ),
)
CLAIMS = (
    Claim(
        "P1", "P00", "Where nothing decides, A is chosen with the planted probability.",
        "mean probability of A in BASE, without steering", Within(0.6, 0.8),
        (Published("0.7", _PLANTED, "planted"),),
    ),
    Claim(
        "P2", "P00", "Items of the reversed theme are answered the other way round, those of other themes are not.",
        "share of items that the persona moves backwards, reversed theme minus other themes", Above(0.5),
        (Published("1", _PLANTED, "planted"),),
    ),
    Claim(
        "P3", "P00", "The share of items answered the other way round is the planted one.",
        "share of that disposition's items that the persona moves backwards", Within(0.2, 0.4),
        (Published("0.3", _PLANTED, "planted"),),
    ),
    Claim(
        "P4", "P00", "The disposition that means nothing does not react to its persona.",
        "effect of its persona on the propensity over the mean effect of those that are followed", Within(-0.25, 0.25),
        (Published("0", _PLANTED, "planted"),),
    ),
    Claim(
        "P5", "P00", "The brittle disposition follows a persona in the system turn, and not in the user turn.",
        "effect of its persona on the propensity, system turn minus user turn, nats", Above(0.0),
        (Published("above 0", _PLANTED, "planted"),),
    ),
    Claim(
        "C1.0", "E01", "The vectors steer at all.",
        "mean steerability over questionnaires, in distribution", Above(0.0),
        _both("1.55", "1.91", f"{PAPER}, figure"), n_min=2,
    ),
    Claim(
        "C1.1a", "E01", "In several data sets nearly half of the inputs are anti-steerable.",
        "anti-steerable share in the three worst questionnaires, chosen on one half of the items and counted on the "
        "other",
        Above(0.4), (Published("0.44 to 0.49", _LLAMA, f"{PAPER}, figure"),),
    ),
    Claim(
        "C1.1b", "E01", "In the typical data set, too, more than one input in ten is anti-steerable.",
        "median anti-steerable share over questionnaires", Above(0.1),
        (Published("0.22", _LLAMA, f"{PAPER}, figure"),),
    ),
    Claim(
        "C1.1c", "E01", "Random directions of the same norm do not steer.",
        "mean steerability of random directions over that of the vectors", Within(-0.2, 0.2),
        _NEW,
    ),
    Claim(
        "C1.2", "E02", "A large part of the variance between items is bias towards an answer's letter or word.",
        "median over questionnaires of the share explained by letter and Yes/No", Above(0.25),
        (Published("0.60; above 0.5 in 21 of 38", _LLAMA, f"{PAPER}, figure"),),
    ),
    Claim(
        "C1.4a", "E03", "Steerability out of distribution goes with that in distribution.",
        "Spearman's ρ over questionnaires, headline shift", Above(0.0), _both("0.89", "0.69", PAPER), n_min=6,
    ),
    Claim(
        "C1.4b", "E03", "Steerability out of distribution is lower.",
        "mean out of distribution over mean in distribution, headline shift", Below(1.0),
        _both("0.78", "0.70", f"{PAPER}, figure"),
    ),
    Claim(
        "C1.4c", "E03", "The spread between items out of distribution goes with that in distribution.",
        "Spearman's ρ over questionnaires of the variances of slopes, headline shift", Above(0.0),
        _both("0.54", "0.34", PAPER), n_min=6,
    ),
    Claim(
        "C1.4d", "E03", "Failures occur where the prompt already pushes away from the behaviour.",
        "steerability left under USER_POS minus that under USER_NEG, over that in distribution (vector of BASE)",
        Above(0.0), _both("0.15", "0.12", f"{PAPER}, figure"),
    ),
    Claim(
        "C1.3a", "E04", "Steerability is mostly a property of the data set, not of the model.",
        "Spearman's ρ over questionnaires between two models, in distribution", Above(0.0),
        (Published("0.77", f"{_LLAMA} and {_QWEN}", PAPER),), n_min=6,
    ),
    Claim(
        "C1.3b", "E04", "So it is out of distribution.",
        "Spearman's ρ over questionnaires between two models, headline shift", Above(0.0),
        (Published("0.59", f"{_LLAMA} and {_QWEN}", PAPER),), n_min=6,
    ),
    Claim(
        "C1.5a", "E05", "Transfer is better between settings in which the model behaves alike.",
        "rank correlation of relative steerability with the distance of unsteered propensities", Below(0.0),
        _both("-0.26", "-0.46", PAPER), n_min=8,
    ),
    Claim(
        "C1.5b", "E05", "Vectors of settings in which the model behaves alike point the same way.",
        "rank correlation of the vectors' cosine with that distance", Below(0.0),
        _both("-0.63", "-0.86", PAPER), n_min=8,
    ),
    Claim(
        "C1.6d", "E06", "The best layer lies in the middle.",
        "depth of the layer with the highest mean steerability, first 0, last nearly 1", Within(0.25, 0.6),
        (Published("0.41 (layer 13 of 32)", _LLAMA, PAPER), Published("0.53 (layer 21 of 40)", _QWEN, PAPER)), n_min=2,
    ),
    Claim(
        "C1.6a", "E07", "The principal component does not rescue badly steerable data sets.",
        "anti-steerable share of the worse half with the mean minus that with the component, fresh items", Below(0.1),
        (Published("no number given", _LLAMA, PAPER),), n_min=3,
    ),
    Claim(
        "C1.6b", "E07", "Logistic regression does not rescue badly steerable data sets.",
        "anti-steerable share of the worse half with the mean minus that with the regression, fresh items", Below(0.1),
        (Published("no number given", _LLAMA, PAPER),), n_min=3,
    ),
    Claim(
        "C1.6c", "E07", "The range of multipliers does not change the ranking of data sets.",
        "Spearman's ρ over questionnaires between slopes within 0.5 and within 1.5", Above(0.7),
        (Published("no number given", _LLAMA, PAPER),), n_min=6,
    ),
    Claim(
        "C1.7", "E08", "The leak in the published split would not have changed the result by more than a tenth.",
        "change of mean steerability if 350 of 950 test items were training items, relative", Within(-0.1, 0.1), _NEW,
    ),
    Claim(
        "C1.8a", "E09", "Eight-bit weights leave the vector as it is.",
        "mean cosine of the vectors of the file given and of its Q8_0", Above(0.99), _NEW,
    ),
    Claim(
        "C1.8b", "E09", "Four-bit weights leave the direction nearly as it is.",
        "mean cosine of the vectors of the file given and of its Q4_0", Above(0.9), _NEW,
    ),
    Claim(
        "C1.8c", "E09", "Four-bit weights change steerability by less than a fifth.",
        "relative change of mean steerability, own vector, Q4_0", Within(-0.2, 0.2), _NEW,
    ),
    Claim(
        "A1", "E10", "The answer that matches the behaviour becomes more likely with every step of the multiplier.",
        "share of behaviours of which this is so, from -2 to 2 in five steps", Above(0.5), _CAA,
    ),
    Claim(
        "A2", "E10", "The vectors move the answers, and not just any vector of that length.",
        "P(match) at 1 minus at -1, above that of random directions, mean over behaviours", Above(0.0), _CAA, n_min=2,
    ),
    Claim(
        "A3", "E10", "Steering works on top of a persona in the prompt.",
        "P(match) at 1 minus at -1 under personas for and against the behaviour, mean over behaviours", Above(0.0),
        _CAA, n_min=2,
    ),
)  # fmt: skip
LIMITS = (
    "The published numbers are those of 8-bit Llama-2-7b-chat and Qwen1.5-14B-Chat on 40 questionnaires. Those "
    "models are "
    "not part of this run; what can be compared with other models are signs, ranks and shares, and those are what the "
    "rules ask for.",
    "Of the 40 published questionnaires those are used that are in the folder of data sets, and the persona "
    "sentences are "
    "pysteer's own: the published ones carry no licence.",
    "Steerability is per unit of coefficient, and vectors are not normalised, as in the paper: a long vector steers "
    "more. "
    "Numbers of different models, or layers, are not on one scale; ranks and shares are.",
    "Where vectors do not steer (C1.0), about half of the items are anti-steerable by chance, ranks are those of "
    "noise, and "
    "verdicts on the claims behind it say little.",
    "A model that cannot answer the questions still has propensities, steerability and bias; they say how letters "
    "react to "
    "the vector, not what the model means. Compare with the random directions.",
    "Intervals over questionnaires take these as independent; some share wording. Intervals over items do not know "
    "about "
    "other templates or seeds.",
    "The variance decomposition gives the letter what letter and Yes/No share. With n items, two factors explain "
    "2/(n - 1) of the variance by chance.",
)
