/*
 * Languages: names of the stemmers, whether an apostrophe ends a word, and stop words: the
 * articles, pronouns, prepositions, conjunctions and auxiliary verbs that say nothing about a
 * thing, in the form that words.c gives every letter.
 *
 * Not done: stop words of the languages with an empty list; there the parameter max_df has to
 * serve.
 */
#include "data/words.h"

#include <stddef.h>

/* clang-format off */
static const char english[] =
    "a about above after again against all also am an and any are aren't as at be because "
    "been before being below between both but by can can't cannot could couldn't did didn't "
    "do does doesn't doing don't down during each few for from further had hadn't has hasn't "
    "have haven't having he he'd he'll he's her here here's hers herself him himself his how "
    "i i'd i'll i'm i've if in into is isn't it it's its itself just let's me more most my "
    "myself no nor not of off on once only or other our ours ourselves out over own same she "
    "she'd she'll she's should shouldn't so some such than that that's the their theirs them "
    "themselves then there there's these they they'd they'll they're they've this those "
    "through to too under until up very was wasn't we we'd we'll we're we've were weren't "
    "what when where which while who whom why will with won't would wouldn't you you'd you'll "
    "you're you've your yours yourself yourselves";

static const char danish[] =
    "ad af alle alt anden at blev blive bliver da de dem den denne der deres det dette dig "
    "din disse dog du efter eller en end er et for fra ham han hans har havde have hende "
    "hendes her hos hun hvad hvis hvor i ikke ind jeg jer jo kunne man mange med meget men "
    "mig min mine mit mod ned noget nogle nu når og også om op os over på selv sig sin sine "
    "sit skal skulle som sådan thi til ud under var vi vil ville vor være været";

static const char dutch[] =
    "aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door "
    "dus een en er ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand "
    "iets ik in is ja je kan kon kunnen maar me meer men met mij mijn moet na naar niet niets "
    "nog nu of om omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van veel "
    "voor want waren was wat werd wezen wie wil worden wordt zal ze zelf zich zij zijn zo "
    "zonder zou";

static const char finnish[] =
    "ei eivät emme en et ette että he heidän heille heitä hän häneen hänelle hänen hänessä "
    "hänet itse ja joka jolla jonka jos jossa jota joten jotka kanssa koska kuin kuka kun me "
    "meidän meille meitä mikä minua minulle minun minut minä missä mitkä mitä mukaan mutta "
    "myös ne niiden niille niin niitä noin nuo nyt ole olemme olen olet olette oli olimme "
    "olin olisi olit olivat olla olleet ollut on ovat se sekä sen siihen siinä siitä sille "
    "sinua sinulle sinun sinä sitä tai te teidän teille tuo tämä tämän tässä tästä tätä vaan "
    "vai vaikka";

static const char french[] =
    "a ai aie ait alors au aucun aura aussi autre autres aux avait avant avec avez avoir "
    "avons c car ce ceci cela celle celles celui ces cet cette ceux chaque chez ci comme "
    "comment d dans de des deux donc dont du elle elles en encore entre es est et eu eux fait "
    "il ils j je jusqu l la le les leur leurs lors lui là m ma mais me mes mien moi moins mon "
    "même mêmes n ne ni nos notre nous on ont ou où par parce pas peu peut plus pour pourquoi "
    "qu quand que quel quelle quelles quels qui s sa sans se sera ses si son sont sous sur t "
    "ta te tes toi ton tous tout toute toutes trop très tu un une vos votre vous y étaient "
    "était étant été êtes être";

static const char german[] =
    "aber alle allem allen aller alles als also am an ander andere anderem anderen anderer "
    "anderes auch auf aus bei bin bis bist da damit dann das dass dein deine deinem deinen "
    "deiner dem den denn der des dessen die dies diese diesem diesen dieser dieses dir doch "
    "dort du durch ein eine einem einen einer eines er es etwas euch euer eure für gegen "
    "gewesen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem "
    "ihren ihrer im in ins ist ja jede jedem jeden jeder jedes jene jetzt kann kein keine "
    "keinem keinen keiner können könnte machen man mehr mein meine meinem meinen meiner mich "
    "mir mit muss nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen "
    "seiner seit sich sie sind so solche soll sondern sonst um und uns unser unsere unter "
    "viel vom von vor war waren warst was weg weil weiter welche welcher wenn wer werde "
    "werden wie wieder will wir wird wirst wo wollen würde würden zu zum zur zwar zwischen "
    "über";

static const char hungarian[] =
    "a ahogy aki akik alatt amely amelyek ami amikor az azok azon azt azért be csak de e egy "
    "egyes egyik el előtt ez ezek ezen ezt ezért fel ha hanem hogy hogyan i igen is itt jó ki "
    "le legyen lehet lenne lesz lett maga meg mely mert mi mind minden mint miért most már "
    "míg nagy ne nem nincs néha olyan ott pedig s saját se sem semmi sok szerint szinte talán "
    "te több után vagy vagyok van vannak vele volt voltak én és így össze úgy ő ők";

static const char italian[] =
    "a ad agli ai al all alla alle allo anche avere aveva c che chi ci coi col come con "
    "contro cui d da dagli dai dal dall dalla dalle dallo degli dei del dell della delle "
    "dello di dove e ed era erano essere fra fu gli ha hai hanno ho i il in io l la le lei li "
    "lo loro lui ma me mi mia mie miei mio molto ne negli nei nel nell nella nelle nello noi "
    "non nostra nostri nostro né o per perché più quale quando quanto quella quelle quelli "
    "quello questa queste questi questo s se sei si sia siamo sono sta stata stato su sua sue "
    "sugli sui sul sull sulla sulle suo suoi te ti tra tu tua tue tuo tuoi tutti tutto un una "
    "uno v vi voi vostra vostro è";

static const char norwegian[] =
    "alle at av bare ble bli blir både da de deg dem den denne der deres det dette di din "
    "disse du då eg ein eit eller en enn er et ett etter for fra få før ha hadde han hans har "
    "hennar henne hennes her hun hva hvem hver hvilken hvis hvor hvordan hvorfor i ikke ikkje "
    "ingen inn ja jeg kan korleis kun kunne man mange med meg men mer mi min mitt mot mye må "
    "no noe noen når og også om opp oss over på samme seg selv si sin sitt skal skulle slik "
    "so som så til um under ut uten vart ved vere vi vil ville vår være vært";

static const char portuguese[] =
    "a ao aos aquela aquelas aquele aqueles aquilo as até com como da das de dela delas dele "
    "deles depois do dos e ela elas ele eles em entre era eram essa essas esse esses esta "
    "estas este estes está estão eu foi for foram há isso isto já lhe lhes mais mas me mesmo "
    "meu meus minha minhas muito na nas nem no nos nossa nossas nosso nossos num numa não nós "
    "o os ou para pela pelas pelo pelos por qual quando que quem se seja sem ser será seu "
    "seus sua suas são só também te tem ter teu teus tinha tu tua tuas têm um uma umas uns "
    "você vocês vos à às é";

static const char romanian[] =
    "a acea aceasta această aceea acei acel acela acele acest acesta aceste acestea acestui "
    "aceștia ai al ale alt alta alte am ar are asta astfel au avea având aş aș ați ca care ce "
    "cei cel cele chiar ci cine cu cum că da dacă dar de deci deși din doar după e ea ei el "
    "ele era este eu face fi fie fiecare fost iar la le li lor lui mai mea mei meu mult ne "
    "nici niște noi nostru noștri nu o ori pe pentru peste prin sa sale sau se sub sunt să ta "
    "te tot tu tuturor un una unde unei unii unor unui va voi vom vor vă îi îl în între își "
    "și";

static const char russian[] =
    "а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да "
    "даже для до его ее ей ему если есть еще же за здесь и из или им их к как какая какой "
    "когда который кто ли между меня мне может мой мы на над надо наш не него нее нет ни них "
    "но ну о об однако он она они оно от перед по под после при про раз с сам свою себе себя "
    "сейчас со так также такой там тебя тем теперь то тогда того тоже только том тот ты у уже "
    "хотя чего чем через что чтобы эта эти это этого этой этом этот я";

static const char spanish[] =
    "a al algo algunas algunos ante antes aquel como con contra cual cuando de del desde "
    "donde dos durante e el ella ellas ellos en entre era eran es esa esas ese eso esos esta "
    "estas este esto estos está están fue fueron ha había han has hasta hay he la las le les "
    "lo los me mi mis mucho muchos muy más mí nada ni no nos nosotros nuestra nuestro o os "
    "otra otras otro otros para pero poco por porque que quien quienes qué se sea ser si sido "
    "sin sobre son soy su sus sí también tan tanto te tiene tienen todo todos tu tus tú un "
    "una unas uno unos usted ustedes y ya yo él";

static const char swedish[] =
    "alla allt att av blev bli blir blivit de dem den denna deras dess dessa det detta dig "
    "din dina ditt du där då efter ej eller en er era ert ett från för ha hade han hans har "
    "henne hennes hon honom hur här i icke ingen inom inte jag ju kan kunde man med mellan "
    "men mig min mina mitt mot mycket ni nu när någon något några och om oss på samma sedan "
    "sig sin sina sitta själv skulle som så till under upp ut utan vad var vara varför varit "
    "varje vem vi vid vilka vilken vår våra än är åt";

static const char turkish[] =
    "acaba ama ancak az bana bazı belki ben beni benim bir biri birkaç birçok biz bizi bizim "
    "bu buna bunda bunlar bunu bunun burada böyle da daha de değil diye en gibi hem hep hepsi "
    "her hiç ile ise için işte ki kim kimi mi mu mü mı nasıl ne neden nerede niçin o olan "
    "olarak oldu olduğu olur ona onlar onu onun sana sen seni senin siz sizi sizin tüm ve "
    "veya ya yani çok çünkü şey şu şunu";

static const struct language languages[] = {
    {"none", false, ""},
    {"english", false, english},
    {"arabic", false, ""},
    {"armenian", false, ""},
    {"basque", false, ""},
    {"catalan", true, ""},
    {"danish", false, danish},
    {"dutch", false, dutch},
    {"finnish", false, finnish},
    {"french", true, french},
    {"german", false, german},
    {"greek", false, ""},
    {"hungarian", false, hungarian},
    {"indonesian", false, ""},
    {"irish", false, ""},
    {"italian", true, italian},
    {"lithuanian", false, ""},
    {"norwegian", false, norwegian},
    {"portuguese", false, portuguese},
    {"romanian", false, romanian},
    {"russian", false, russian},
    {"serbian", false, ""},
    {"spanish", false, spanish},
    {"swedish", false, swedish},
    {"tamil", false, ""},
    {"turkish", false, turkish},
};
/* clang-format on */

enum { N_LANGUAGES = sizeof languages / sizeof languages[0] };

const struct language *words_language(int64_t language)
{
    return language >= 0 && language < N_LANGUAGES ? &languages[language] : NULL;
}
