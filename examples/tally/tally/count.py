"""The work itself."""

import collections
import re


def count(text):
    words = re.findall(r"[^\W\d_]+", text.lower())
    top = sorted(collections.Counter(words).items(), key=lambda item: (-item[1], item[0]))[:10]
    return {"words": len(words), "top": top}
