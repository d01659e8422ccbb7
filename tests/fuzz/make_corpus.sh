#!/bin/sh
# make_corpus.sh [AKIN]: makes the starting inputs of the targets dataset and model again, which a
# new version of the file formats asks for. AKIN: the program, default build/akin.
set -eu
cd "$(dirname "$0")/../.."
akin=$(realpath "${1:-build/akin}")
corpus=$PWD/tests/fuzz/corpus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > events.csv <<END
user_id,item_id,value,time,event_type,text
a,1,1,100,view,
a,2,5,200,buy,good
b,1,4,100,view,
b,3,2,250,view,so so
c,2,3,300,buy,
c,3,4,310,view,
c,1,5,320,buy,
d,4,1,50,view,
END
cat > items.csv <<END
item_id,title,genres,year,votes,mean
1,One,Drama|Comedy,1990,10,3.5
2,Two,Comedy,2000,3,4
3,Three,,,,
5,Five,Drama,2010,1,2
END
printf 'user_id,group\na,x\nb,y\nc,x\n' > users.csv
printf 'user_id,item_id,tag,time\na,1,slow,7\nb,1,fun,8\nc,5,fun,9\n' > tags.csv
printf 'u,1\nu,2\nv,1\n' > plain.csv

model() { # NAME DATA MODEL SETTINGS
    name=$1 from=$2 type=$3
    shift 3
    for s in "$@"; do set -- "$@" --set "$s"; shift; done
    "$akin" train "$from" --model "$type" "$@" -o "$corpus/model/$name" --quiet > /dev/null
}
mkdir -p "$corpus/dataset" "$corpus/model"
"$akin" prepare events.csv --items items.csv --users users.csv --tags tags.csv -o all.akin \
    --quiet > /dev/null
"$akin" prepare plain.csv --format csv --no-header --columns user_id=1,item_id=2 -o plain.akin \
    --quiet > /dev/null
cp all.akin "$corpus/dataset/all"
cp plain.akin "$corpus/dataset/plain"
"$akin" split all.akin --by users:0.5 -o "$corpus/dataset/train" \
    --test-out "$corpus/dataset/test" --quiet > /dev/null
model popular all.akin popular
model popular-segment all.akin popular method=damped_mean segment=group
model popular-columns all.akin popular method=columns mean_column=mean count_column=votes
model together all.akin together min_count=1
model itemknn plain.akin itemknn neighbors=3
model itemknn-rating all.akin itemknn mode=rating similarity=pearson
model puresvd plain.akin puresvd factors=2
model gfcf all.akin gfcf factors=2 value_weight=linear
model turbocf plain.akin turbocf power=0.5
model bmf all.akin bmf factors=2 samples=2 thin=1 burn_in=2
model bmf-time all.akin bmf factors=1 samples=2 thin=1 bin_days=0.001 implicit=false
model bmf-levels all.akin bmf factors=1 samples=2 thin=1 burn_in=2 likelihood=ordinal
model userknn plain.akin userknn similarity=cosine
model userknn-terms all.akin userknn
model userknn-llr all.akin userknn similarity=llr
model userknn-rating all.akin userknn mode=rating similarity=adjusted_cosine
model p3alpha plain.akin p3alpha neighbors=3
model rp3beta all.akin rp3beta keep=target
model slopeone all.akin slopeone
model ease plain.akin ease keep=2
model ease-tiles all.akin ease keep=0 diagonal=0.2
model ease-known all.akin ease keep=0 'positive=value >= 3'
model ease-local plain.akin ease solver=local neighbors=2
model slim plain.akin slim l1=0.01 l2=1
model slim-negative all.akin slim l1=0.01 l2=1 negative=true
model ials plain.akin ials factors=2 epochs=1
model ials-bias all.akin ials factors=2 epochs=1 biases=true
model ials-decay all.akin ials factors=2 epochs=1 half_life_days=1 'positive=value >= 3'
model content all.akin content ngrams=2
model content-tfidf all.akin content weighting=tfidf mean=whole columns=categories,year,text
