"""E23 in words: experiment, claims, limits."""

from __future__ import annotations

from pysteer.studies.claims import Above, Below, Claim, Experiment, Published

_PAPER = "arXiv:2505.03189"
_SAID = (Published("said of Llama 3 8B and 70B, no number found", "", _PAPER),)
_NEW = (Published("not reported: asked here", "", ""),)

ADVERSARIAL_EXPERIMENT = Experiment(
    "E23",
    "Inputs that reverse steering",
    "A few tokens are put behind the user's message. Which tokens make the steered model prefer the opposite answer? "
    "An "
    "evolutionary search proposes strings, by chance, by likeness to the tokens that are there, and by what the model "
    "itself would write, keeps the best, and pays for strings that the model finds surprising. It sees a few "
    "validation "
    "items and may measure a fixed number of strings. What it found is tested on items that it has not seen, beside no "
    "string, beginnings of ordinary sentences, random tokens, and the best of as many random strings as the search "
    "measured, all of the same length. The same strings are given to the unsteered model: a string that moves it as "
    "much "
    "does not undo the steering, it only pushes the other way. A preference is the log-probability of the answer that "
    "shows the behaviour minus that of the opposite one, in nats, for replies over their first tokens; a reversal is "
    "what a string takes away from it.",
)
ADVERSARIAL_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "C3.3a", "E23", "Found strings act against the steered behaviour more than random strings of the same length.",
        "preference taken away on held-out items, found minus random strings, nats", Above(0.0), _SAID,
    ),
    Claim(
        "C3.3b", "E23", "Found strings are unnatural: the model finds them more surprising than ordinary text.",
        "cross-entropy of found strings minus that of beginnings of sentences of the same length, nats per token",
        Above(0.0), _SAID,
    ),
    Claim(
        "C3.3c", "E23", "With this budget, found strings reverse the behaviour: the opposite answer is preferred.",
        "preference for the opposite answer under steering with a found string, held-out items, nats",
        Above(0.0), _SAID,
    ),
    Claim(
        "C3.3d", "E23", "Searching finds more than sampling does.",
        "preference taken away on held-out items, found minus best of as many random strings, nats", Above(0.0), _NEW,
    ),
    Claim(
        "C3.3e", "E23", "Found strings weaken the steering itself, rather than only pushing the other way.",
        "steering's effect on the preference with a found string minus that without a string, nats", Below(0.0), _NEW,
    ),
)  # fmt: skip
ADVERSARIAL_LIMITS: tuple[str, ...] = (
    "Adversarial inputs were searched without gradients, which llama.cpp does not have, and with fewer strings than "
    "the "
    "published searches measure (76 808 in arXiv:2402.01702). So a string that was not found may exist: the numbers "
    "are "
    "a lower bound of what an attacker with gradients and more time can do. Neither the strings nor the numbers of "
    "arXiv:2505.03189 were found, so only signs are compared.",
    "Strings are tokens, put directly behind the message and nowhere else: what they would do before or inside it is "
    "not known. Some tokenise otherwise when their text is typed; the kind "
    "“typed” says what these do then.",
    "Intervals of E23 are over searches and items; behaviours are those whose vectors steer the model on validation "
    "items, and are not drawn from a population. One may not be steered on the held-out items, or not be preferred "
    "there even without a string: then there is little to reverse, and the row says so.",
)
