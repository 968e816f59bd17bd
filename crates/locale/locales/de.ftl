## This language

language-name = Deutsch
choose-language = Sprache
# An amount with the sign or code of its currency.
price = { $amount }{ "\u00A0" }{ $symbol }
share = { $number }{ "\u00A0" }%
# Signs of currencies (CLDR); others show their code.
currency-signs = EUR € · USD $ · GBP £ · JPY ¥ · CNY CN¥ · INR ₹ · KRW ₩ · BRL R$ · CAD CA$ · AUD AU$ · MXN MX$ · HKD HK$ · TWD NT$ · NZD NZ$ · ILS ₪ · VND ₫
shop-name = Der Laden

## Storefront

skip = Zum Inhalt springen
search = Suchen
search-placeholder = Wonach suchen Sie?
all = Alle
for-you = Für Sie
trending = Gerade gefragt
browse = Stöbern
similar = Ähnliche Artikel
bought-together = Oft zusammen gekauft
reviews = Bewertungen
reviews-counted = { $count ->
    [one] { $count } Bewertung
   *[other] { $count } Bewertungen
}
no-reviews = Hierzu hat noch niemand etwas geschrieben.
add-to-cart = In den Warenkorb
added = Im Warenkorb
hide = Nichts für mich
hidden = Das sehen Sie nicht wieder
wishlist = Merken
remembered = Gemerkt
customer = Kunde
anonymous = Nicht angemeldet
choose = Auswählen
cart = Warenkorb
checkout = Kaufen
close = Schließen
coupon = Gutschein
apply = Einlösen
discount = Rabatt
total = Summe
points = Punkte
no-results = Nichts passt. Versuchen Sie ein anderes Wort oder nehmen Sie einen Filter weg.
nearest = Kein Artikel hat all das. Am nächsten kommen:
corrected = Ergebnisse für
results = { $count ->
    [one] { $count } Ergebnis
   *[other] { $count } Ergebnisse
}
brand = Marke
category = Kategorie
availability = Verfügbarkeit
in-stock = Auf Lager
out-of-stock = Nicht verfügbar
not-found = Diese Seite gibt es nicht.
home = Zum Laden
related = Verwandte Suchen
reason-title = Der Titel ist, was Sie eingegeben haben
reason-popular = Beliebt
reason-chosen = Bei dieser Suche oft gewählt
reason-taste = Wie das, was Sie angesehen haben
positive = positiv
neutral = neutral
negative = negativ

## Chat

chat = Fragen Sie uns
chat-hello = Hallo! Fragen Sie nach Bestellungen, Rückgabe, Lieferung oder einem Artikel. Die Antworten nennen die Unterlagen des Ladens, aus denen sie stammen.
chat-placeholder = Ihre Frage
send = Senden
starter-return = Wie kann ich etwas zurückgeben?
starter-delivery = Wie lange dauert die Lieferung?
starter-order = Wo ist meine Bestellung?
source = Quelle

## Console

console = Konsole
storefront = Laden
overview = Überblick
conversations = Gespräche
inbox = Posteingang
insight = Auswertung
models = Modelle
offers = Angebote
decisions = Entscheidungen
documentation = HTTP
nothing-yet = Noch nichts.
sign-in = Anmelden
admin-key = Administratorschlüssel
wrong-key = Dieser Schlüssel öffnet die Konsole nicht.
customers = Kunden
orders = Bestellungen
products = Artikel
documents = Dokumente
product = Artikel
time = Zeit
who = Wer
messages = Nachrichten
role-customer = Kunde
role-agent = Laden
role-tool = Werkzeug
intent = Absicht
state = Stand

## Console: overview

overview-title = Der Kreislauf
overview-about = Was Kunden tun, wird zu Daten; aus Daten wird ein Korpus; mit dem Korpus lernen die Modelle; die Modelle antworten; die Antworten bringen neue Rückmeldungen.
loop-back = ↺ Rückmeldungen sind wieder Daten
data = Daten
corpus = Korpus
training = Training
service = Dienst
feedback = Rückmeldungen
log-entries = Einträge im Protokoll
texts-to-learn-from = Texte zum Lernen
versions-trained = trainierte Versionen
answers-given = gegebene Antworten
events-received = eingegangene Ereignisse
train-now = Neu trainieren
clicks = Klicks
carts = in den Warenkorb gelegt
purchases = Käufe
thumbs-up = Daumen hoch
thumbs-down = Daumen runter

## Console: inbox and conversations

nobody-waits = Niemand wartet auf einen Menschen.
waits-since = Seit
state-waiting = wartet
state-person = bei einem Menschen
state-assistant = beim Assistenten
take-over = Übernehmen
take-about = Der Assistent schweigt, sobald Sie übernehmen.
give-back = An den Assistenten zurückgeben
your-reply = Ihre Antwort
suggest = Antwort vorschlagen
suggest-about = Der Vorschlag ist, was der Assistent sagen würde. Ändern Sie ihn, wie Sie möchten; gesendet wird er erst, wenn Sie auf „Senden“ drücken.
notes = Notizen
new-note = Neue Notiz (der Kunde sieht sie nie)
add-note = Notiz hinzufügen
improvements = Was sich aus Antworten lernen lässt
how-ended = Wie Gespräche endeten
contained = ohne einen Menschen
said-resolved = vom Kunden gelöst genannt
not-reopened = davon nicht wieder aufgenommen
truly-resolved = davon laut den Unterlagen noch so
mean-rating = Bewertung durch Kunden
improvements-about = Wo ein Mensch beantwortet hat, was der Assistent nicht konnte, oder ihn berichtigt hat. Nichts davon wird verwendet, bevor Sie es annehmen.
would-replace = Würde ersetzen, in
question = Frage
answer = Antwort
accept = Annehmen
reject = Ablehnen
resolved = gelöst

## Console: search

search-preview = Suchvorschau
curation = Suchregeln
rule = Regel
when = Wenn
then = Dann
any-query = jede Suche
rule-is = ist
rule-contains = enthält
rule-begins = beginnt mit
pin = An Platz setzen
pin-product = Artikelnummer, die gesetzt wird
hide-products = Artikelnummern, die verborgen werden, mit Kommas
boost-filter = Nach vorn holen, was … ist (Filter)
only-filter = Nur zeigen (Filter)
redirect = Weiterleiten nach
banner = Hinweis
from-time = Von
until-time = Bis
keep-rule = Regel speichern
turn-off = Abschalten
turn-on = Einschalten
remove = Entfernen
without-rules = Ohne Regeln
with-rules = Mit Regeln
gaps = Suchen, die ins Leere führen
nothing-was-found = nichts gefunden
nothing-was-chosen = nichts gewählt
may-mean = Meint vielleicht
write-rule = Regel schreiben
synonyms = Synonyme
synonyms-hint = Wörter gleicher Bedeutung, mit Kommas
try-it = Vergleichen
stages = Schritte
reasons = Gründe
score = Punktwert

## Console: insight

polarity-by-week = Stimmung nach Woche
themes = Themen
quotes = Zitate
mentions = { $count ->
    [one] { $count } Nennung
   *[other] { $count } Nennungen
}
alerts = Zunehmende Beschwerden

## Console: models

did-not-train = Dieses Modell ist noch nicht trainiert.
metric = Kennzahl
model = Modell
baseline = Vergleich
serves = im Dienst
serve-this = In Dienst stellen
answers-counted = { $count ->
    [one] { $count } Antwort
   *[other] { $count } Antworten
}
clicks-counted = { $count ->
    [one] { $count } Klick
   *[other] { $count } Klicks
}
carts-counted = { $count ->
    [one] { $count } Mal in den Warenkorb gelegt
   *[other] { $count } Mal in den Warenkorb gelegt
}
purchases-counted = { $count ->
    [one] { $count } Kauf
   *[other] { $count } Käufe
}
thumbs-up-counted = { $count ->
    [one] { $count } Daumen hoch
   *[other] { $count } Daumen hoch
}
thumbs-down-counted = { $count ->
    [one] { $count } Daumen runter
   *[other] { $count } Daumen runter
}
rollback = Zurück zur vorigen

## Console: offers

limit = Höchstzahl
limit-per-customer = Je Kunde
percent = Prozent Rabatt
code = Code
redeemed = Eingelöst
define-coupon = Gutschein anlegen

## Console: decisions

why-title = Warum das gezeigt wurde
request = Anfrage
shown = Gezeigt

## Texts that the pages' scripts show, as `say.source`

script-source = Quelle
script-helpful = Hilfreich
script-unhelpful = Nicht hilfreich
script-thanks = Vielen Dank
script-bought = Vielen Dank für Ihre Bestellung
script-remove = Entfernen
script-training = Training läuft …

## Why a product is recommended

because-you-bought = Weil Sie „{ $title }“ gekauft haben
because-you-viewed = Weil Sie „{ $title }“ angesehen haben
because-you-added-to-cart = Weil Sie „{ $title }“ in den Warenkorb gelegt haben
your-history = Nach dem, was Sie zuletzt angesehen haben
bought-together-with = Oft zusammen mit „{ $title }“ gekauft
also-liked = Gefällt denen, die „{ $title }“ mögen
similar-to = Ähnlich wie „{ $title }“
same-category = In derselben Kategorie wie „{ $title }“
in-demand-now = Gerade gefragt
popular-with-others = Bei anderen Kunden beliebt
in-catalogue = Aus unserem Sortiment
time-to-replenish = Schon gekauft und meist jetzt wieder nötig
chosen-by-shop = Vom Laden ausgesucht
