"""Words that are mostly friendly, unfriendly, or offensive: the lists of the proxies. Not a metric itself.

English, written for this package, lower case. `STEMS` match every word that begins with them.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


POSITIVE = _words(
    """
    admirable admire adorable affection affectionate amazing amused amusing appealing appreciate appreciated
    approve astonishing attractive authentic awesome balanced beautiful beautifully beauty beloved benefit best
    better blessed bliss brave breathtaking bright brilliant brilliantly calm captivating care caring celebrate
    charm charming cheer cheerful clean clever comfort comfortable comfy compelling confident congratulations
    cool cozy creative cute dazzling dear delicious delight delighted delightful deserve deserved dream eager
    easy effective elegant encouraging endearing energetic engaging enjoy enjoyable enjoyed enjoying
    entertaining enthusiastic excellent exceptional excited exciting exquisite extraordinary fabulous fair
    faithful fantastic fascinating favorite favourite festive fine flawless fortunate free fresh friend friendly
    friends fun funny generous genial gentle genuine gift glad gladly glorious golden good goodness gorgeous
    graceful gracious grand grateful gratitude great greatest greatly gripping happier happiest happily
    happiness happy harmony heartfelt heartwarming heaven helpful hilarious honest hooray hope hopeful impressed
    impressive improve improved incredible ingenious insightful inspiring intelligent interesting intimate
    intriguing inventive joy joyful joyous kind kindness laugh laughed laughing laughs laughter like likeable
    liked lively lovable love loved lovely loves loving loyal lucky lush magic magical magnificent majestic
    marvellous marvelous masterful masterpiece memorable merry moving neat nice nicely optimistic original
    outstanding passion passionate peace peaceful perfect perfectly playful pleasant pleasantly please pleased
    pleasing pleasure poetic polite positive powerful praise precious pretty proud provocative pure quality
    radiant recommend recommended refreshing relaxed reliable relief remarkable resonant respect respectful
    rewarding rich riveting romantic safe satisfied satisfying sensational sensitive sharp shine shines sincere
    skilled smart smile smiled smiles smiling smooth solid sparkling special spectacular splendid strong
    stunning stylish subtle succeed succeeds success successful successfully sunny super superb superbly
    supportive sweet sympathetic talented tasty tender terrific thank thankful thanks thoughtful thrilled
    thrilling timeless touching treasure treat triumph true trust truth unforgettable uplifting useful valuable
    vibrant victory vivid warm warmly warmth wealthy welcome well win winner winning wins wise wish witty won
    wonder wonderful wonderfully wondrous worth worthwhile worthy wow yay yummy
    """
)

NEGATIVE = _words(
    """
    abandoned abuse abused abysmal afraid aggressive agony alarming alone anger angry annoy annoyed annoying
    anxious appalling arrogant ashamed atrocious awful awkward bad badly banal betrayed bitter blame bland bleak
    bored boring bother bothered broke broken brutal burden careless cheap cheat cheated clumsy cold complain
    complained complaint confused confusing contrived corny crap cried cruel cry crying damage damaged danger
    dangerous dark dead death deceptive defeat defeated defective depressed depressing despair desperate despise
    destroy destroyed destructive devastated die died dies difficult dirty disappoint disappointed disappointing
    disappointment disaster disastrous disgrace disgust disgusted disgusting dislike disliked dismal distasteful
    distressed disturbing doubt doubtful dread dreadful dreary dropped dull dumb embarrassed embarrassing
    emptiness empty enemy envy error evil excruciating excuse exhausted exhausting expensive fail failed failing
    fails failure fake false fault fear feared fearful flat flawed fool foolish forced forgettable frightened
    frightening frustrated frustrating furious garbage gloomy grief grim gross grotesque guilt guilty hard harm
    harmful harsh hate hated hateful hates hating hatred heartbreaking heartbroken helpless hopeless horrible
    horribly horrid horrific horror hostile hurt hurts ill inane incoherent inept inferior insane insecure
    insult insulted insulting irritated irritating jealous jerk joke junk kill killed killing lack lacking lacks
    lame lazy lethargic liar lie lied lies lifeless lonely lose loser loses losing loss lost loud lousy mad mean
    meaningless mediocre mess messy miserable miserably misery misguided miss missed mistake mistaken mistakes
    monotonous mourn mundane murder nasty negative neglect nervous nightmare nonsense obnoxious offended
    offensive overwrought pain painful painfully pale pathetic pity pointless poison poor poorly predictable
    pretentious problem problems protest quit rage refund regret reject rejected repulsive resent ridiculous rip
    rotten rough rubbish rude ruin ruined rushed sad sadly sadness scam scare scared scary scream screamed
    selfish shallow shame shameful shock shocked shocking shoddy sick silly sinister sloppy slow sluggish sob
    sorrow sorry sour stale stolen strange stress stressed struggle stupid suck sucked sucks suffer suffered
    suffering suspicious tasteless tears tedious terrible terribly terrified terror threat tired tiresome
    torture tragedy tragic trash trite trouble troubled ugh ugly unable unacceptable unbearable uncomfortable
    unconvincing uneven unfair unfortunate unfortunately unfunny unhappy unimaginative uninspired unpleasant
    unreliable upset upsetting useless vague vicious vile violence violent waste wasted weak weary weep weird
    whine wicked worried worries worry worse worst worthless wound wrong
    """
)

NEGATORS = _words(
    """
    ain't aren't barely can't cannot cant couldn't didn't didnt doesn't doesnt don't dont hadn't hardly hasn't
    haven't isn't isnt lacking lacks neither never no none nor not nothing scarcely shouldn't wasn't wasnt
    weren't without won't wont wouldn't
    """
)

OFFENSIVE = _words(
    """
    arse ass asses balls bastard bastards bullshit bum bums cock cocks coward cowards crap creep creeps cretin
    cunt cunts dammit damn damned dick dickhead dicks dipshit douche douchebag dumb dumbass dumbasses dumber
    dumbest dummy dunce fag fags fatass freak freaks garbage goddamn hag hell hoe hoes hypocrite hypocrites
    idiot idiotic idiots imbecile imbeciles jackass jerk jerks kill killed knucklehead knuckleheads liar liars
    loser losers lunatic lunatics moron moronic morons murderer murderers nonsense nutjob nuts paranoid parasite
    parasites pathetic pervert perverts pig pigs piss pissed pissing prick pricks psycho psychos puke pussies
    pussy rape raped rapist rapists retard retarded retards screw screwed scum scumbag scumbags sick slut sluts
    stupid stupidest stupidity suck sucked sucker suckers sucking sucks thug thugs tit tits traitor traitors
    trash turd turds twat twats vermin wanker wankers weirdo weirdos whore whores wimp wimps worthless
    """
)

STEMS = ("fuck", "motherfuck", "mothafuck", "shit", "bitch", "asshole", "arsehole", "bullshit", "horseshit", "faggot")
