"""Makes reference_embeddings_minilm.json: what PyTorch computes.

    pip install torch==2.15.0 transformers==5.23.0 numpy
    python3 make_reference_embeddings.py MINILM > reference_embeddings_minilm.json

The folder MINILM is minilm/ as `.ci/model-parts` fetches it.

Each text becomes [CLS] tokens [SEP], cut to 256 ids with [SEP] kept as the
last: that is the limit in sentence_bert_config.json, which sentence-transformers
obeys, and not the 512 positions of the network. Each text goes through the
network alone in 32-bit floats (no padding); its embedding is the mean of the
last layer over all its ids, [CLS] and [SEP] among them, divided by its length.
"""

import json
import os
import sys

import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer

LIMIT = 256

TEXTS = [
    "",
    "a",
    "tea",
    "Where is my order?",
    "I would like to return a pair of shoes that are too small.",
    "The parcel arrived broken, please refund me.",
    "Can I pay by bank transfer?",
    "Oak table lamp, 40 cm, with a textile cord and an LED bulb",
    "WHITE HANGING HEART T-LIGHT HOLDER",
    "Set of 6 stoneware mugs (300 ml), dishwasher-safe, blue/grey — £24.99",
    "Waterproof hiking jacket for women, navy, size M",
    "这件羽绒服什么时候可以送到？",
    "红茶 100 克 / black tea 100 g",
    "Käsekuchen, thé à la menthe y café con leche",
    "Unbelievable!!! 😀😀 BEST purchase EVER... 10/10 would buy again @shop #happy",
    '{"sku": "LAMP-OAK-40", "price": 7900, "currency": "EUR"}',
    "def add(a, b):\n    return a + b\n",
    "  leading and trailing\twhite space \n\n",
    "Ice floats on water because its molecules form an open lattice when they freeze. "
    "The deepest water of a lake stays at four degrees, where fish survive the winter.",
    " ".join(
        f"In week {week} the shop sold {week * 37 % 101} lamps, {week * 53 % 97} cups and "
        f"{week * 71 % 89} maps."
        for week in range(1, 31)
    ),
]


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "sentence_bert_config.json")) as file:
        assert json.load(file)["max_seq_length"] == LIMIT
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    rows = []
    for text in TEXTS:
        ids = tokenizer(text, truncation=True, max_length=LIMIT)["input_ids"]
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        embedding = F.normalize(states.mean(0), dim=0)
        rows.append(
            {
                "text": text,
                "tokens": ids,
                "embedding": [round(value, 6) for value in embedding.tolist()],
            }
        )
    print('{\n "made_with": "make_reference_embeddings.py: PyTorch 2.15.0, transformers 5.23.0, '
          f'32-bit floats",\n "limit": {LIMIT},\n "texts": [')
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    print(",\n".join("  " + line for line in lines) + "\n ]\n}")


if __name__ == "__main__":
    main()
