"""What the study asks, in words: claims and rules, experiments, limits.

The numbers in the tables of arXiv:2411.07213 could not be established; its claims are those of its abstract.
"""

from __future__ import annotations

from pysteer.studies.claims import Above, Below, Claim, Experiment, Published, Within
from pysteer.studies.icl.rewriting import LEAST_ENTROPY, MOST_EMPTY, MOST_SURPRISE

PAPER = "arXiv:2411.07213"
_TODD = "arXiv:2310.15213"
_SAID = (Published("no number found; claimed in the abstract", "", PAPER),)
_TODD_SAID = (Published("no number found", "", _TODD),)
_NEW = (Published("not reported: asked here", "", ""),)
_PLANTED = "the embedded model"

TITLE = "Function vectors against in-context vectors"
QUESTION = (
    "A few examples in a prompt make a model do a task. Two ways put the task into its activations instead: from "
    "the attention heads that carry it, or from pairs of texts before and after. Which works for what, where in the "
    "model, and at what cost?"
)
DESIGN = (
    "A function vector is made bottom-up. Prompts with examples of a task are read, and each attention head's mean "
    "output at the last token is noted. In prompts whose examples have shuffled labels, one head's output at a time is "
    "replaced by that mean; the change of the right answer's probability is its indirect effect. The outputs of the "
    "heads with the largest average effect, as they enter the residual stream, are summed, and the sum is added after "
    "one block, a third of the way up.",
    "An in-context vector is made top-down. For pairs of texts before and after a change, the differences between the "
    "activations at their last four tokens are taken in every block; principal component and mean of these make the "
    "vector. It turns what the MLP of every block adds, at every token, by a small angle; the strength is called "
    "alpha.",
    "Functional tasks have one right answer: the capital of a country, the past tense of a verb. A model is asked "
    "without an example, and after three examples whose labels are shuffled, and writes 16 tokens, always the most "
    "probable one. An answer counts when its first word is the right one. Behavioural tasks have none: a toxic "
    "sentence is to become neutral, an unfriendly one friendly.",
    "Words are dealt to training, validation and test; shots, heads and vectors never see a test word. "
    "Where a task with few words is split several times, its validation words stay the same. Strength and "
    "number of demonstrations of the in-context vector are chosen on validation words, for all tasks of a model "
    "together. The function vector has the published number of heads, and in one more arm (more heads) a number chosen "
    "on validation words; layers, templates and sets of layers are studied with the latter. Beside function vectors "
    "stand random directions of the same norm, the mean hidden state of the prompts with examples, and the function "
    "vector of another task; in behavioural tasks random directions stand beside in-context vectors, too.",
)
EXPERIMENTS = (
    Experiment(
        "P00",
        "Planted truths",
        "The embedded model was trained on tasks that it can only do with examples in the prompt: with ten it should "
        "be right always, without any no more often than by chance. Both are measured here without vectors, with one "
        "question about each word of a task, or of as many as the preset asks about; the examples are drawn from its "
        "other words.",
    ),
    Experiment(
        "E11",
        "Functional tasks",
        "Every arm answers the same test questions. The first figure shows the share of answers whose first word is "
        "right; the heat map shows each task. Its last column, right examples in the prompt, is what could be had.",
    ),
    Experiment(
        "E12",
        "Behavioural tasks",
        "How much more does the model prefer the text after the change to the one before it (log-probabilities, in "
        "nats), and how do its own texts score on a list of words (a proxy, not a classifier)? Strong vectors break "
        "texts, so the vectors are compared at equal fluency: each at the setting that, on validation "
        "texts, shifts the preference most among those that stay fluent: what is written surprises the unsteered model "
        f"by at most {MOST_SURPRISE:g} nats per token more than its own texts, keeps {LEAST_ENTROPY:.0%} of their "
        f"n-gram entropy, and is empty at most {MOST_EMPTY:.0%} more often.",
    ),
    Experiment(
        "E13",
        "Heads and layers",
        "The heat map shows how much each head alone restores the answer in prompts with shuffled labels. The curves "
        "show how often the first token is right, and its probability, when the vector is added after another block or "
        "made of more heads.",
    ),
    Experiment(
        "E14",
        "Strength and demonstrations of in-context vectors",
        "In-context vectors of several strengths and numbers of demonstrations on the functional tasks: accuracy, and "
        "what remains of the variety of the text.",
    ),
    Experiment(
        "E15",
        "Other templates and running text",
        "The vector was made from questions in one form. Here it is added to questions in other forms, and to "
        "sentences in which the word is merely mentioned. How much of its effect is left?",
    ),
    Experiment(
        "E16",
        "Sets of layers",
        "The same vector added after the first block, the last, the middle one, two or four in the middle, or all.",
    ),
)
_MEAN = "first-word accuracy, mean over tasks"
CLAIMS = (
    Claim(
        "P1", "P00", "With ten examples the model solves its tasks.",
        f"{_MEAN}, ten right examples (fewer where a task has fewer words)", Within(0.95, 1.0),
        (Published("1", _PLANTED, "planted"),), n_min=2,
    ),
    Claim(
        "P2", "P00", "Without an example it is right by chance only.",
        f"{_MEAN}, no example, minus the planted chance", Within(-0.1, 0.1), (Published("0", _PLANTED, "planted"),),
    ),
    Claim(
        "P3", "P00", "Most tasks are solved with ten examples and not without.",
        "share of tasks with accuracy of at least 0.85 with, and at most 0.3 without examples", Within(0.6, 1.0),
        (Published("0.83 (15 of 18)", _PLANTED, "its model card"),),
    ),
    Claim(
        "C2.1a", "E11", "Function vectors do precise tasks better than in-context vectors.",
        f"{_MEAN}, no example: function vector minus in-context vector", Above(0.0), _SAID, n_min=6,
    ),
    Claim(
        "C2.1b", "E11", "So they do after examples with shuffled labels.",
        f"{_MEAN}, shuffled labels: function vector minus in-context vector", Above(0.0), _SAID, n_min=6,
    ),
    Claim(
        "C2.1c", "E11", "A function vector makes the model do a task that it was not shown.",
        f"{_MEAN}, no example: function vector minus no vector", Above(0.0), _SAID, n_min=6,
    ),
    Claim(
        "C2.1d", "E11", "Random directions of the same norm do not.",
        f"{_MEAN}, no example: function vector minus random directions", Above(0.0), _NEW, n_min=6,
    ),
    Claim(
        "C2.1e", "E11", "The mean hidden state does worse.",
        f"{_MEAN}, no example: function vector minus mean hidden state", Above(0.0), _TODD_SAID, n_min=6,
    ),
    Claim(
        "C2.1f", "E11", "The vector of another task does worse: a function vector is about its task.",
        f"{_MEAN}, no example: function vector minus another task's, same norm", Above(0.0), _NEW, n_min=6,
    ),
    Claim(
        "C2.1g", "E11", "So they do when their number of heads, too, is chosen on validation words.",
        f"{_MEAN}, no example: function vector with more heads minus in-context vector", Above(0.0), _NEW, n_min=6,
    ),
    Claim(
        "C2.2a", "E12", "In-context vectors shift behaviour more than function vectors, at equal fluency.",
        "change of log p(after) - log p(before): in-context vector minus function vector", Above(0.0), _SAID, n_min=10,
    ),
    Claim(
        "C2.2b", "E12", "So they do in what is written.",
        "change of the word-list proxy (0 to 1): in-context vector minus function vector", Above(0.0), _SAID, n_min=10,
    ),
    Claim(
        "C2.2c", "E12", "Random directions of the same norms do not shift behaviour as in-context vectors do.",
        "change of log p(after) - log p(before): in-context vector minus random directions", Above(0.0), _NEW, n_min=10,
    ),
    Claim(
        "C2.3a", "E11", "Function vectors cost fluency.",
        "n-gram entropy with the function vector minus that without, no example, mean over tasks", Below(0.0), _SAID,
        n_min=6,
    ),
    Claim(
        "C2.3b", "E14", "Strong in-context vectors cost fluency.",
        "n-gram entropy at the largest alpha minus that without steering, mean over tasks", Below(0.0), _SAID, n_min=6,
    ),
    Claim(
        "C2.4a", "E13", "A function vector works best in the first half of the depth.",
        "depth of the best block, first 0, last nearly 1", Below(0.5),
        (Published("no number found; near a third, as commonly told", "", _TODD),), n_min=6,
    ),
    Claim(
        "C2.4b", "E13", "In the last quarter of the depth it does nothing.",
        "top-1 accuracy, vector in the last quarter minus no vector, mean over tasks", Within(-0.05, 0.05),
        _TODD_SAID, n_min=6,
    ),
    Claim(
        "C2.5a", "E15", "A function vector works under templates that it was not made with.",
        "top-1 accuracy under other templates, vector minus no vector, mean over tasks", Above(0.0), _TODD_SAID,
        n_min=6,
    ),
    Claim(
        "C2.5b", "E15", "It works less there than under its own template.",
        "gain under its own template minus gain under others, mean over tasks", Above(0.0), _SAID, n_min=6,
    ),
    Claim(
        "C2.5c", "E15", "It works in running text.",
        "share of texts that hold the answer, vector minus no vector, mean over tasks", Above(0.0), _TODD_SAID, n_min=6,
    ),
)  # fmt: skip
LIMITS = (
    "The numbers in the tables of arXiv:2411.07213 could not be established (not found), so only the signs of its "
    "claims can be compared. Its model, Llama-2-7b-chat, is not part of this run.",
    "Its classifiers of toxicity and sentiment (ParlAI, siebert) are not used. In their place stand log-probabilities "
    "of given texts, and lists of words: proxies that see words, not meaning. The embedded model's list is exact for "
    "the words that it was trained on, and blind to others.",
    "A model that cannot do a task with examples in the prompt has no function to extract. Where the right examples "
    "score near the clean prompt, verdicts on its vectors say nothing about the method.",
    "Where examples with shuffled labels already give the right answer, as in a model that knows the task by the kind "
    "of its answers, no vector can improve on them, and heads cannot be told apart by what they restore.",
    "The function vector has the published defaults (a third of the depth; one head in 51.2, so very few heads in a "
    "small model), while the in-context vector's strength and demonstrations are tuned. This works against the first "
    "claim; the arm with more heads (C2.1g) is tuned, too.",
    "Function vectors are made from prompts that ask about the validation words, and their number of heads is chosen "
    "on these words, too. The choice can favour what fits these words; the test words are in neither.",
    "Pairs whose answer begins with a bare blank in the model's vocabulary are left out: their first token says "
    "nothing. Models that write every word so cannot be studied here.",
    "The own sentences have few predicates: texts that share one count as one in the intervals.",
    "N-gram entropy grows with the length of a text, and the share of different words falls. Where a model ends its "
    "answers early, a vector that makes them longer seems to make them more varied.",
    "Answers are the most probable tokens; the paper samples at temperature 0.1.",
    "Intervals of functional tasks are about other tasks of this kind, although some tasks share their words: capital "
    "and language of the same countries. Intervals of behavioural tasks are about other texts of the same behaviours, "
    "of which there are few.",
    "The test predicates of the own sentences occur in no training sentence, but grammar and subjects do.",
    "The rules were fixed before anything was measured, but three choices were made after a first small run on the "
    "embedded model: the arm with more heads (and C2.1g), that layers, templates and sets of layers are studied with "
    "its vector, and that behavioural arms are compared at their best fluent setting and not at their strongest one.",
    "Architectures in which a norm stands between the heads and the residual stream (Gemma 2 and 3) have no function "
    "vector, and this study refuses them.",
)
