#!/usr/bin/env python3
"""How the defaults of rules were chosen: as neighbors-search.py does it, with two sets of baskets.

    bench/params/rules-search.py [--akin build/akin] [--data DIR] [--sets a,b] key=v1,v2 ...

The second and third table of docs/models/rules.md come from

    rules-search.py max_antecedent=1,2,3 max_sets=300000,1000000
    rules-search.py max_sets=300000 min_lift=0,1 min_confidence=0,0.02,0.1

the first from `combine=best,sum score=confidence,lift max_antecedent=1,2,3` of an earlier state,
which raised one support for all lengths; the page says so.
"""
import importlib.util
import os

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "neighbors-search.py")
spec = importlib.util.spec_from_file_location("search", FILE)
search = importlib.util.module_from_spec(spec)
spec.loader.exec_module(search)
search.MODEL = "rules"
search.__doc__ = __doc__
search.SETS = {
    "groceries": ("baskets/groceries.csv", ["--format", "basket"], search.RATIO, False),
    "retail": ("baskets/retail.dat", ["--format", "basket"], search.RATIO, False),
    **{name: search.SETS[name] for name in ("citeulike", "lastfm", "movielens")},
}

if __name__ == "__main__":
    search.main()
