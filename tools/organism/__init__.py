"""Everything that makes the embedded model: grammars, tokenizer, network, training, export, acceptance."""
