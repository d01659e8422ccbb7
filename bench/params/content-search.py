#!/usr/bin/env python3
"""How the defaults of content were chosen: validation parts carved from train, never the tests.

    bench/params/content-search.py [--akin build/akin] [--data DIR] [--sets a,b] key=v1,v2 ...

As neighbors-search.py, on sets whose items say what they are: MovieLens (titles, genres, tags),
Last.fm (names and tags of artists), musical instruments (texts of reviews, those of train alone),
gift cards (titles, descriptions, brands, reviews). Tags are those of the whole set: they are not
split.
"""
import importlib.machinery
import importlib.util
import os


def load(name):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    loader = importlib.machinery.SourceFileLoader("search", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("search", loader))
    loader.exec_module(module)
    return module


search = load("neighbors-search.py")
REVIEWS = "user_id=reviewerID,item_id=asin,value=overall,time=unixReviewTime,text=reviewText"
search.__doc__ = __doc__
search.MODEL = "content"
search.SETS = {
    "movielens": ("ml-latest-small/ratings.csv",
                  ["--items", "DATA/ml-latest-small/movies.csv",
                   "--tags", "DATA/ml-latest-small/tags.csv"], search.LAST, False),
    "lastfm": ("lastfm-hetrec/user_artists.dat",
               ["--format", "tsv", "--columns", "user_id=userID,item_id=artistID,value=weight",
                "--items", "DATA/lastfm-hetrec/artists.dat",
                "--item-columns", "item_id=id,title=name",
                "--tags", "DATA/lastfm-hetrec/user_taggedartists.dat",
                "--tag-columns", "user_id=userID,item_id=artistID,tag=tagID"], search.RATIO, False),
    "instruments": ("amazon-reviews/Musical_instruments_reviews.csv.zst", ["--columns", REVIEWS],
                    search.RATIO, False),
    "giftcards": ("amazon-reviews/Gift_Cards_5.json.gz",
                  ["--columns", REVIEWS,
                   "--items", "DATA/amazon-reviews/meta_Gift_Cards.json.gz",
                   "--item-columns", "item_id=asin,categories=category"], search.RATIO, False),
}
search.FIXED = {
    "lastfm": {"columns": "title"},
    "giftcards": {"columns": "title,description,brand,text"},
}

if __name__ == "__main__":
    search.main()
