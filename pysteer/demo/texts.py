"""Which texts does the demonstration show, measure fluency on, and count moods with?

Everything here is written for the project. Three kinds of text:

* `PROMPTS` are shown side by side, steered and unsteered.
* `NEUTRAL_TEXT` is the ground on which perplexity is measured: it has no mood of its own, so a steering vector
  for joy or sadness that raises its perplexity has damaged the model and not merely changed the mood.
* `JOY_WORDS` and `SAD_WORDS` feed a word rate, a proxy of mood. The rate is *not* a sentiment classifier: it does
  not see negation ("not happy"), irony, or any word outside the lists. Report it as a proxy, next to an evaluation
  on answer probabilities, and never alone.

Conventions: passages are plain text without line breaks, each shorter than 200 tokens of a GPT-2 tokenizer, so that
a context of 256 holds any one of them; words are lower case and single, to be compared with lower-cased words of the
generated text.
"""

from __future__ import annotations

PROMPTS: tuple[str, ...] = (
    "Tell me about your day.",
    "What did you see today?",
    "How was your weekend?",
    "How was your trip?",
    "How is your family?",
    "What is the weather like?",
)
"""User prompts for the side-by-side display, without a chat template.

Picked by hand with the answers of a very small chat model in view, unsteered and steered: it answers each of them
sensibly, and the mood has room to show. For display only; an effect size needs held-out pairs.
"""

NEUTRAL_TEXT: tuple[str, ...] = (
    "The village stood between a river and a low hill. There were eleven houses, a mill, and a small school "
    "with a green door. A road went from the school to the bridge, and on the other side of the bridge it "
    "went on to the town. In the morning a man came down the road with a cart. He had flour and salt in the "
    "cart, and sometimes he had paper for the school. He stopped at the mill, then he stopped at the school, "
    "and then he turned the cart around and went back over the bridge.",
    "Anna had a box with three parts. In the first part she kept her buttons. Some of the buttons were round,"
    " and some of them looked like stars. In the second part she kept some string. The third part was for "
    "other things. One day, Anna took everything out of the box and put it on the table. There was a key, a "
    'blue stone, and a piece of paper. "What is this key for?" she asked her dad. He looked at the key. "It '
    'is for the door of the shed," he said. Anna gave him the key and put the other things back in the box.',
    'One day, Tim and his father walked to the store. Tim held the list and his father held the bag. "What is'
    ' first on the list?" asked his father. "Milk," said Tim. They put the milk in the bag. Next on the list '
    'was rice, and after that there were six eggs. Tim looked at the eggs and counted them. "One, two, three,'
    ' four, five, six," he said. His father paid the woman at the counter. Then they walked home on the other'
    " side of the street, where there was more shade.",
    "A snail lived under a stone near the wall. When it was dry, the snail stayed in its shell. When it was "
    "wet, the snail came out and moved along the wall. It left a thin line behind it. The line went up to a "
    "plant with wide leaves, around the plant, and back down to the stone. A girl named Sara looked at the "
    "line. She measured it with a piece of string and then held the string next to a ruler. The line was as "
    "long as two rulers and a half.",
    "The baker got up when it was still dark. He put flour, water, and salt in a big bowl and mixed them with"
    " his hands. Then he covered the bowl and waited. After some time, the dough was very big. The baker cut "
    "it into eight pieces. He made four long loaves and four round loaves, and he put them in the hot oven. "
    "When they were brown, he took them out and put them on the table. Then he opened the door of the shop. A"
    " girl came in and asked for a round loaf, and the baker put it in a bag.",
    "There were three boats on the lake. One boat was red, one boat was blue, and one boat was white. A man "
    "named Bob had the red boat. In the morning, he got in his boat and went to the other side of the lake. "
    'There was a small house with a blue door. Bob knocked on the door, and a woman opened it. "I have a '
    'letter for you," he said. She took the letter and gave Bob a bag of apples. He put the bag in the boat '
    "and went back to the other side.",
    "Lucy sat at the table and drew a map of her street. First she drew two lines for the road. Then she drew"
    ' a box for each house and wrote a number in each box. "You forgot the tree," said her brother. "Which '
    'tree?" asked Lucy. "The one by the corner," he said. Lucy drew a circle at the corner and colored it '
    "green. She drew the bus stop and the mailbox too. When the map was done, she folded it two times and put"
    " it in her pocket.",
    "There was a big clock on the wall of the school. It was round and white. Every day at noon the clock "
    "made a loud sound, and the children put away their books. One day, the clock did not make a sound. A boy"
    ' named Jack looked up at it. "The clock is not moving," he said. The teacher got a chair and stood on '
    "it. She opened the back of the clock and took out the old battery. Jack gave her a new one. Then the "
    "clock started to move again, and the children went to eat their lunch.",
    "In the forest there was a path that led to a pond. Ducks swam on the pond, and around it there was tall "
    "grass. A fox came to the pond to drink. It looked to the left and it looked to the right. A duck looked "
    "at the fox and swam to the middle of the pond. The fox drank some water. Then it went back on the path, "
    "past an old log and a pile of stones, to the place where the trees stood close to each other.",
    "Once upon a time, there was a girl who had a small pot. She put some dirt in the pot and pushed a seed "
    "into it. Then she gave it some water and put the pot by the window. The next day she looked at the pot, "
    "but there was only dirt. She gave it some more water. After a few days there was a little green plant. "
    'Her mom said, "Look, it has two leaves." The girl looked at the leaves. One was big and one was small. '
    "Every morning she gave the plant some water, and it grew and grew.",
    "One morning, a boy and his mom waited for the bus. The bus was big and yellow. It stopped next to them, "
    "and the door opened. They got on the bus and sat down by the window. The boy looked out and saw a store,"
    " a tree, and a man with a dog. Then the bus stopped again. A woman with a big box got on, and the boy "
    'moved over so that she could sit down. "What is in the box?" he asked. "It is a lamp for my room," she '
    "said. At the next stop, the boy and his mom got off the bus.",
    'Ben wanted to know what was in the shed. "It is full of tools," said his grandfather, and he opened the '
    "door. There was a saw on the wall and a row of hammers below it. On the floor stood a can of paint and a"
    ' wheel. Ben picked up the wheel and rolled it to the door. "What is this for?" he asked. "It belongs to '
    'the cart," said his grandfather. They carried the wheel outside, put it on the cart, and pushed the cart'
    " to the barn.",
    "Every week, a man came to the house with a bag of books. An old woman named Mrs. Gray opened the door. "
    "She gave him the books she had read, and he put them in his bag. Then he showed her the new books. One "
    "book was about birds, and one was about trains. One had a picture of the sea on it. Mrs. Gray looked at "
    'all of them. "I will take the book about birds," she said. The man wrote it down on a piece of paper. '
    "Then he walked to the next house on the street.",
)
"""Passages of neutral simple English in the register of children's stories, about 1,200 words in all."""

JOY_WORDS: tuple[str, ...] = (
    *("happy", "happily", "happier", "happiness", "joy", "joyful", "joyfully", "glad", "gladly", "cheer"),
    *("cheered", "cheerful", "cheerfully", "merry", "smile", "smiled", "smiles", "smiling", "laugh", "laughed"),
    *("laughing", "laughter", "giggle", "giggled", "giggling", "grin", "grinned", "fun", "funny", "love"),
    *("loved", "lovely", "enjoy", "enjoyed", "enjoying", "delight", "delighted", "excited", "exciting", "proud"),
    *("wonderful", "hug", "hugged", "dance", "danced", "dancing", "sang", "playful", "pleased", "thankful"),
)
"""Simple inflected words of a joyful mood, lower case. A proxy: see the module's first paragraph."""

SAD_WORDS: tuple[str, ...] = (
    *("sad", "sadly", "sadder", "sadness", "cry", "cried", "cries", "crying", "tear", "tears"),
    *("weep", "wept", "weeping", "sob", "sobbed", "sobbing", "lonely", "alone", "unhappy", "upset"),
    *("hurt", "hurts", "sorrow", "sorry", "gloomy", "miserable", "misery", "grief", "grieve", "mourn"),
    *("frown", "frowned", "sigh", "sighed", "hopeless", "heartbroken", "awful", "terrible", "horrible", "worried"),
    *("scared", "afraid", "fear", "hate", "hated", "missed", "pain", "painful", "disappointed", "ashamed"),
)
"""Simple inflected words of a sad mood, lower case. A proxy: see the module's first paragraph."""
