"""What the study asks, in words: claims with published numbers and rules, experiments, limits.

Published numbers are those of the result files of arXiv:2602.04903 for Llama-3.1-8B-Instruct and
Llama-3.3-70B-Instruct.
"""

from __future__ import annotations

from pysteer.studies.claims import Above, Below, Claim, Experiment, Published, Within

PAPER = "arXiv:2602.04903"
_8B, _70B = "Llama-3.1-8B", "Llama-3.3-70B"
_NEW = (Published("not reported: asked here", "", ""),)
_PLANTED = "the embedded model"


def _both(small: str, large: str) -> tuple[Published, ...]:
    return Published(small, _8B, PAPER), Published(large, _70B, PAPER)


def _planted(value: str) -> tuple[Published, ...]:
    return (Published(value, _PLANTED, "planted"),)


TITLE = "What does steering cost, and can it be won back?"
QUESTION = (
    "A model can be made funny, formal or sad by asking for it, or by adding a vector to its activations. Which of the "
    "two works better, and what do they cost in right answers and in sense?"
)
DESIGN = (
    "The same questions, with four choices, and the same everyday requests are answered under every arm: as they are "
    "(control); with a sentence that asks for the style (prompting); with a vector added at one block (vector: mean "
    "difference of texts with and without the style; features: four features of a sparse dictionary that these texts "
    "differ in); with both. Three mitigations follow: worked examples in the prompt (few-shot), a passage that states "
    "the answer (open book), and a vector whose block, strength, tokens and operation were searched on other data "
    "under a guard (optimised). Random directions, and vectors of shuffled texts, of the same length are the controls.",
    "Vectors, features and controls all add something half as long as the residual stream is there, at every token, "
    "a strength that was fixed beforehand. Every prompt is made anew for every arm, so that the order of the arms "
    "cannot matter.",
    "Capability is accuracy: of the letter that is written between answer tags (no tag counts as wrong, and is shown "
    "by itself), and of the most probable letter, on more questions. A loss can only be measured where the model is "
    "above chance without steering: written answers decide where they are, else letters, else nothing. That is judged "
    "on questions of their own, on which no loss is measured.",
    "Behaviour needs no judge: the instruction likelihood ratio says how much more probable, per token, the unsteered "
    "model finds a text when it has been asked for the style than when it has not. It is taken on replies to everyday "
    "requests, where a style has room, and on answers to questions, as the paper does. It decides only where it tells "
    "contrast texts apart (I1), and not where an arm that has the instruction in its prompt is compared with one that "
    "has not: what is written under an instruction is probable under it by construction. There words decide: the share "
    "of replies in which words of the style occur (more often than those of its opposite, where there is one).",
    "Coherence is the surprise of a text to the unsteered model, in nats per token, higher being worse, with the share "
    "of repeated pairs of tokens beside it. Ratings from 1 to 5, by the model itself, are shown and decide nothing.",
    "Intervals come from drawing questions or requests with replacement, with all their styles: they are about other "
    "questions, for these styles. The check of the ratio draws styles, too, as their contrast texts share requests.",
)
EXPERIMENTS = (
    Experiment(
        "P00",
        "Planted truths",
        "The embedded model was trained so that its system sentences set mood, register and length, that it knows the "
        "facts it is asked for, and that it reads passages. A study that works finds that.",
    ),
    Experiment(
        "E17",
        "The arms",
        "Every style, question and request under every arm: accuracy, behaviour, coherence. Tests are given as "
        "published (Student's t of independent groups, Bonferroni over all comparisons, Cohen's d) and as they should "
        "be (the same items in both arms; Holm), with intervals from drawing questions.",
    ),
    Experiment(
        "E18",
        "More strength",
        "The same vectors at growing strength. A curve over strength shows what the single strength of the other "
        "experiments hides: is there a range in which behaviour comes for free, and where does over-steering begin?",
    ),
    Experiment(
        "E19",
        "Larger models, and coarser weights",
        "The loss of accuracy at a behaviour gain that all models reach, over the models' sizes, and for one model "
        "with coarser weights.",
    ),
    Experiment(
        "E25",
        "Side effects",
        "The same vectors, at the same strength, on tasks that nothing was tuned on, on running text, and on requests "
        "that nobody should refuse. A task counts where the unsteered model is above chance on one half of its items; "
        "the loss is measured on the other half. Choices are compared by the sum of their log-probabilities; in "
        "HellaSwag, whose endings differ in length, by the sum over their bytes, as is usual (by the sum alone beside "
        "it); in WinoGrande by that of what follows the blank. BLiMP: whole sentences, evenly from its 67 paradigms, "
        "read from their first word on: where a model puts no token of its own before a text, the one that it begins "
        "or ends texts with is put there.",
    ),
    Experiment(
        "E17b",
        "Winning the loss back",
        "How much of the accuracy lost to the vector do worked examples, a passage with the answer, and a searched "
        "setting win back? Examples and passages leave vector and strength as they are, so that replies to requests, "
        "and their style, are the same. The searched setting is compared with the plain vector at the strength that "
        "reaches the same behaviour.",
    ),
)
CLAIMS = (
    Claim(
        "P1", "P00", "Prompting sets the style.", "share of replies to requests that show the style asked for",
        Within(0.85, 1.0), _planted("0.98"),
    ),
    Claim(
        "P2", "P00", "The facts are known: questions are answered right after some thought.",
        "accuracy of written answers, control", Within(0.85, 1.0), _planted("1.00"),
    ),
    Claim(
        "P3", "P00", "A passage with the answer wins accuracy back where the letter is asked for at once.",
        "accuracy by letters, open book minus control", Above(0.4), _planted("0.76: from 0.22 to 0.98"),
    ),
    Claim(
        "P4", "P00", "The vector joyful minus sad moves the mood.",
        "share of joyful replies, best strength with at most 1.5 times the surprise minus control", Above(0.2),
        _planted("0.48: from 0.48 to 0.96"),
    ),
    Claim(
        "I1", "E17", "The likelihood ratio tells texts with a style from texts without.",
        "ratio of contrast texts, with minus without, nats per token", Above(0.0), _NEW, n_min=2,
    ),
    Claim(
        "I2", "E17", "The model can judge coherence: it rates plain texts above the same words shuffled.",
        "rating from 1 to 5, plain minus shuffled", Above(0.0), _NEW,
    ),
    Claim(
        "C0.1a", "E17", "Features raise the behaviour.", "likelihood ratio on requests, features minus control",
        Above(0.0), _both("+0.56 of 5 points", "+0.48 of 5 points"),
    ),
    Claim(
        "C0.1b", "E17", "A vector raises the behaviour.", "likelihood ratio on requests, vector minus control",
        Above(0.0), _NEW,
    ),
    Claim(
        "C0.1c", "E17", "It is the vector's direction that does so.",
        "likelihood ratio on requests, vector minus random direction", Above(0.0), _NEW,
    ),
    Claim(
        "C0.1d", "E17", "In the answers to questions, too, features raise the behaviour.",
        "likelihood ratio on questions, features minus control", Above(0.0),
        _both("+0.56 of 5 points", "+0.48 of 5 points"),
    ),
    Claim(
        "C0.1e", "E17", "Features raise the behaviour above prompting.",
        "replies whose words show the style, features minus prompting", Above(0.0),
        _both("+0.36 of 5 points", "+0.46 of 5 points"),
    ),
    Claim(
        "C0.1f", "E17", "A vector raises the behaviour above prompting.",
        "replies whose words show the style, vector minus prompting",
        Above(0.0), _NEW,
    ),
    Claim(
        "C0.1g", "E17", "Features lower accuracy.", "accuracy, features minus control", Below(0.0),
        _both("-0.178", "-0.121"),
    ),
    Claim("C0.1h", "E17", "A vector lowers accuracy.", "accuracy, vector minus control", Below(0.0), _NEW),
    Claim(
        "C0.1i", "E17", "Features lower coherence.", "surprise, features minus control, nats per token", Above(0.0),
        _both("-2.33 of 5 points", "-1.05 of 5 points"),
    ),
    Claim(
        "C0.1j", "E17", "A vector lowers coherence.", "surprise, vector minus control, nats per token", Above(0.0),
        _NEW,
    ),
    Claim(
        "C0.2a", "E17", "Prompting does not lower accuracy by more than a tenth.", "accuracy, prompting minus control",
        Above(-0.1),
        _both("+0.021", "+0.014"),
    ),
    Claim(
        "C0.2b", "E17", "Prompting costs less coherence than features.", "surprise, prompting minus features",
        Below(0.0), _both("+2.38 of 5 points for prompting", "+1.05 of 5 points for prompting"),
    ),
    Claim(
        "C0.3a", "E17", "Features and prompting together give more behaviour than prompting.",
        "replies whose words show the style, features + prompting minus prompting", Above(0.0),
        _both("+0.88 of 5 points", "+0.23 of 5 points"),
    ),
    Claim(
        "C0.3b", "E17", "Together they give more behaviour than features.",
        "replies whose words show the style, features + prompting minus features", Above(0.0),
        _both("+0.52 of 5 points", "-0.24 of 5 points"),
    ),
    Claim(
        "C0.3c", "E17", "Together they lose less accuracy than features alone.",
        "accuracy, features + prompting minus features", Above(0.0), _both("+0.066", "+0.056"),
    ),
    Claim(
        "C0.6", "E17", "Incoherent answers are wrong answers.",
        "Pearson's correlation of (negative) surprise with right answers, over all arms", Above(0.0),
        _both("0.302", "0.307"),
    ),
    Claim(
        "C0.5a", "E18", "More of a vector means less coherence.",
        "rank correlation of strength and surprise, mean over items", Above(0.0),
        (Published("claimed; no number found", "", PAPER),),
    ),
    Claim(
        "C0.5b", "E18", "More of the features means less coherence.",
        "rank correlation of strength and surprise, mean over items", Above(0.0),
        (Published("claimed; no number found", "", PAPER),),
    ),
    Claim(
        "C0.5c", "E18", "More of a vector means fewer right answers.",
        "accuracy, largest strength minus none", Below(0.0), _NEW,
    ),
    Claim(
        "C0.4", "E19", "Larger models lose less at the same behaviour gain.",
        "change of the loss of accuracy per tenfold size", Below(0.0),
        (Published("0.178 against 0.121 lost, not at the same gain", f"{_8B} and {_70B}", PAPER),), n_min=3,
    ),
    Claim(
        "C0.8", "E25", "The loss carries over to tasks that nothing was tuned on.",
        "accuracy on tasks that are above chance, vector minus unsteered", Below(0.0), _NEW,
    ),
    Claim(
        "C0.9", "E25", "On running text the vector changes the predictions more than a random direction does.",
        "KL from the unsteered model, vector minus random direction, nats per token", Above(0.0), _NEW,
    ),
    Claim(
        "M1", "E17b", "A searched setting wins accuracy back at the same behaviour gain.",
        "accuracy, optimised minus the plain vector at the strength of the same gain", Above(0.0), _NEW,
    ),
    Claim(
        "M2", "E17b", "Worked examples win accuracy back.", "accuracy, few-shot + vector minus vector", Above(0.0),
        _NEW,
    ),
    Claim(
        "M3", "E17b", "A passage with the answer wins accuracy back.",
        "accuracy, open book + vector minus vector", Above(0.0), _NEW,
    ),
)  # fmt: skip
LIMITS = (
    "The published study used Goodfire's Auto Steer on Llama-3.1-8B and Llama-3.3-70B. That service was withdrawn, "
    "and how it chose and scaled features was never published: here features are chosen by contrast and added with a "
    "fixed strength. What can be compared are signs and orders of arms, not sizes.",
    "Published ratings of behaviour and coherence, 1 to 5, are GPT-4o-mini's. Here the likelihood ratio and the "
    "surprise decide, in nats per token: not the same scale, and not the same thing. The ratio says what the studied "
    "model takes for the style. Broken text that is full of the style's words counts as style; surprise and "
    "repetition stand beside it for that reason.",
    "Word lists see words and nothing else. They were written together with the contrast texts that vectors and "
    "features are made of, which favours steering, as the ratio favours prompting: read both. 'Concise' has no list.",
    "Surprise is taken without the instruction, so a style that is unusual costs surprise even where the text is "
    "sound; and text that repeats itself surprises little.",
    "The strength of the arms, half the length of the residual stream, was set after a first small run on the embedded "
    "model had shown hardly any loss at 0.4. How loss and gain go with the strength is a question of its own (E18).",
    "Whether the vector costs anything that could be won back (M1 to M3) is judged on the questions on which the "
    "winning back is measured: where it costs little, and that is seen by luck, what is won back comes out too large.",
    "Where several tasks stand behind the transfer of the loss, each counts the same, and their items are drawn: it is "
    "about other items of these tasks, not about other tasks.",
    "A model whose accuracy is at chance has no capability that could be lost. All claims about a loss are left open "
    "there, whatever the numbers are.",
    "The 14 queries are named as in the paper; rubrics, contrast texts, word lists, worked examples and notes of the "
    "open book are pysteer's own. The notes state the right choice, so the open book tells whether a model uses what "
    "it was given, not whether it finds it.",
    "Questions are taken from those MMLU subjects that are in the folder of data sets, not the published 171; what "
    "does not fit the model's context with examples or passage is left out and counted.",
    "Where all items are alike, drawing them again shows no spread. Intervals of shares and accuracies are Wilson's "
    "there: a change that was not seen in n questions may still be as large as 3.8/(n + 3.8).",
    "Texts are greedy. Intervals draw questions, not styles, seeds or templates.",
    "Examples and a passage change the prompt, and thereby more than the capability: an open book raises accuracy "
    "without steering, too. The tables show both.",
    "A dictionary that is trained on the fly on a few thousand tokens is small. Features of a large dictionary may do "
    "better.",
)
