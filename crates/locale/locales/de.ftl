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
sort = Sortieren
sort-relevance = Beste Treffer
sort-price-asc = Preis aufsteigend
sort-price-desc = Preis absteigend
sort-rating = Beste Bewertung
sort-newest = Neueste
price-heading = Preis
price-from = Von
price-to = Bis
choose-variant = Auswählen
ask-person = Mit einem Menschen sprechen
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
sign-out = Abmelden
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
training-now = Training läuft
training-failed = Das letzte Training ist fehlgeschlagen:
training-left-out = beim letzten Mal nicht trainiert.
clicks = Klicks
carts = in den Warenkorb gelegt
purchases = Käufe
thumbs-up = Daumen hoch
thumbs-down = Daumen runter

## Console: files come in

import = Import
import-first = Beginnen: Ihren Shop importieren
import-about = Legen Sie hinein, was Ihr Shop exportiert: Produkte, Kunden, Bestellungen, Bewertungen, Gespräche, Richtlinien. Jede Datei wird zuerst gezeigt; gespeichert wird erst, wenn Sie es sagen.
choose-files = Dateien wählen
choose-folder = Ganzen Ordner
or-drop-them = oder hierher ziehen
store-all = Alles speichern, was bereit ist
train-next = Weiter: Modelle trainieren
import-reads = Die Datei wird gelesen
import-columns = Spalten
import-column = Spalte
import-values = Werte
import-means = Bedeutung
import-suggested = Das Sprachmodell schlägt dies vor: Bitte prüfen Sie, ob es stimmt.
import-examples = Die ersten Datensätze
import-store = Speichern
import-leave = Weglassen
import-kind = Was die Zeilen sind
import-unknown = noch unbekannt
import-currency = Währung von Preisen ohne Angabe
import-time-zone = Zeitzone der Zeiten
import-date-order = Daten wie 3/4/2026 beginnen mit
import-day-first = dem Tag
import-month-first = dem Monat
import-save = Merken als, für die nächste solche Datei
import-saved = Gemerkte Zuordnungen
import-forget = Löschen

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

published-models = Veröffentlichte Modelle
sentence-encoder = Satz-Encoder
chat-model = Chat-Modell
no-published-model = keines: Der Assistent arbeitet ohne
pull-recommended = Modelle, die zu dieser Maschine passen, mit Größe und Lizenz gezeigt, bevor etwas geladen wird:
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
script-order = Bestellung
script-add-to-cart = In den Warenkorb
script-added = Im Warenkorb
script-confirm = Bestätigen
script-decline = Nein, so lassen
script-confirm-about = Sollen wir das für Sie erledigen?
script-confirmed = Erledigt
script-declined = Es wurde nichts geändert
script-ask-person = Ich möchte mit einem Menschen sprechen
script-person-asked = Sie haben um einen Menschen gebeten. Jemand antwortet Ihnen hier.
script-person-here = Jetzt antwortet ein Mensch aus unserem Team.
script-assistant-back = Jetzt antwortet wieder der Assistent.
script-typing = schreibt …
script-import-failed = Die Datei konnte nicht gesendet werden. Läuft der Server noch?
script-import-found = Speicherbar: { $good }. Abgelehnt: { $bad }.
script-import-stored = Gespeichert: { $stored }. Unverändert: { $unchanged }. Abgelehnt: { $bad }.
script-import-problem = Zeile { $line }, { $field }: { $reason }
script-import-problems = Abgelehnt: { $count }, und Hinweise
script-import-kept = unverändert behalten
script-import-left-out = weglassen
script-import-need-kind = Bitte sagen Sie, was die Zeilen sind.
script-import-need-mapping = Die Bedeutung der Spalten ist geraten: Bitte sehen Sie sie an.
script-import-need-currency = Die Preise nennen keine Währung: Bitte nennen Sie sie.
script-import-need-time-zone = Die Zeiten nennen keine Zeitzone: Bitte nennen Sie sie.
script-import-need-date-order = Die Daten können mit dem Tag oder dem Monat beginnen: Bitte sagen Sie, womit.

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

## What the assistant says by itself

say-disclosure = Ich bin der KI-Assistent des Ladens.
say-greeting = Hallo! Wie kann ich Ihnen helfen?
say-welcome = Gern geschehen!
say-declined = Leider habe ich in den Unterlagen des Ladens nichts gefunden, was diese Frage beantwortet.
say-offer-titles = Ich bin nicht sicher, welche dieser Seiten das beantwortet:
say-see-also = Das hilft vielleicht auch:
say-offer-person = Möchten Sie mit einem Menschen sprechen?
say-handed-over = Ich verbinde Sie mit einem Menschen und gebe weiter, was bisher gesagt wurde.
say-sign-in-for-orders = Bitte melden Sie sich zuerst an, damit ich Ihre Bestellungen ansehen kann.
say-order-not-found = Unter dem Konto, mit dem Sie angemeldet sind, finde ich keine Bestellung mit dieser Nummer.
say-no-orders = Unter Ihrem Konto gibt es noch keine Bestellungen.
say-original-language = Im Wortlaut des Originals:
say-more = Bitte sagen Sie mir, was Sie wissen möchten.
say-found = Das habe ich gefunden:
say-added-to-cart = Das liegt jetzt in Ihrem Warenkorb:
say-nearest = Genau das habe ich nicht gefunden. Am nächsten kommt:
say-please-confirm = Bitte prüfen Sie, was gezeigt wird, und bestätigen Sie es; vorher ändert sich nichts.
say-which-item = Welche Bestellung und welchen Artikel meinen Sie?
say-which-option = Welche Ausführung möchten Sie stattdessen?
say-which-address = Welche Adresse meinen Sie? Bitte schreiben Sie sie vollständig.
say-whole-order = Nur eine ganze Bestellung kann storniert werden. Soll ich die ganze Bestellung stornieren?
between-sentences = { " " }

## Why the assistant does not do something

refused-sign-in = Bitte melden Sie sich zuerst an.
refused-not-yours = Das finde ich unter dem Konto, mit dem Sie angemeldet sind, nicht.
refused-arguments = Das habe ich nicht ganz verstanden; bitte sagen Sie es genauer.
refused-policy = Die Regeln des Ladens erlauben das nicht.
refused-state = Das ist beim jetzigen Stand der Bestellung oder des Artikels nicht möglich.
refused-payment = Diese Zahlungsart geht dafür nicht.
refused-nothing-to-change = Das ist bereits so; es gibt nichts zu ändern.
refused-needs-person = Das muss jemand aus unserem Team tun.
refused-not-confirmed = Das wurde nicht bestätigt.
refused-already-done = Das ist bereits erledigt.
refused-records = Die Unterlagen des Ladens sind dafür nicht vollständig genug.

## What the assistant proposes, to be confirmed

propose-cancel-order = Bestellung { $order } stornieren.
propose-return-items = Artikel der Bestellung { $order } zurückgeben.
propose-exchange-items = Artikel der Bestellung { $order } umtauschen.
propose-change-order-items = Artikel der Bestellung { $order } ändern.
propose-change-order-address = Die Adresse der Bestellung { $order } ändern.
propose-change-order-payment = Die Zahlung der Bestellung { $order } ändern.
propose-change-customer-address = Die Adresse des Kontos { $account } ändern.
propose-redeem-coupon = Einen Gutschein für die Bestellung { $order } einlösen.
propose-spend-points = Punkte des Kontos { $account } einlösen.

## What the assistant reads from records

sentence = { $words }.
fact-order-status = Der Stand der Bestellung { $order }: { $status }.
fact-order-placed = Sie wurde am { $date } aufgegeben.
fact-order-items = Artikel: { $items }.
fact-order-total = Summe: { $total }.
fact-points = Sie haben { $points } Punkte.
fact-order-tracking = Sendungsverfolgung: { $tracking }.
fact-price = { $product } kostet { $price }.
fact-availability = { $product }: { $availability }.
fact-brand = Die Marke von { $product } ist { $brand }.
fact-rating = Kunden bewerten { $product } im Schnitt mit { $rating } von 5.
fact-attribute = { $product }, { $attribute }.
fact-listed = { $product }: { $price }, { $availability }.
counted = { $said }: { $kinds ->
    [one] { $kinds } Art
   *[other] { $kinds } Arten
}, { $options ->
    [one] { $options } Ausführung
   *[other] { $options } Ausführungen
}
counted-in-stock = { $said }, auf Lager: { $kinds ->
    [one] { $kinds } Art
   *[other] { $kinds } Arten
}, { $options ->
    [one] { $options } Ausführung
   *[other] { $options } Ausführungen
}

## Availability in a sentence

availability-in-stock = auf Lager
availability-limited-stock = auf Lager, nur noch wenige
availability-backorder = nachbestellt: bestellbar, wird später geliefert
availability-preorder = vorbestellbar
availability-out-of-stock = zurzeit nicht verfügbar
availability-discontinued = nicht mehr im Sortiment

## How searches name prices

query-price-between = zwischen #* und #* | von #* bis # | #* bis # | #* - # | # - #*
query-price-at-most = unter #? | weniger als #? | billiger als #? | bis zu # | bis # | höchstens # | nicht mehr als # | maximal # | max #
query-price-at-least = über #? | mehr als #? | teurer als #? | mindestens # | wenigstens # | ab # | min #
query-price-about = etwa # | ungefähr # | rund # | ca. #
query-price-ending = { "" }
query-currency = euro | dollar | franken | pfund sterling
query-cheap = billig | billige | billiger | billiges | billigen | günstig | günstige | günstiger | günstiges | günstigen | preiswert | preiswerte | preiswerter | preiswertes | preiswerten

## What shoppers are told when something fails, by the code of the error

script-error-voucher-not-found = Einen Gutschein mit diesem Code gibt es nicht.
script-error-voucher-not-active = Dieser Gutschein gilt noch nicht.
script-error-voucher-expired = Dieser Gutschein gilt nicht mehr.
script-error-quantity-exceeded = Dieser Gutschein ist aufgebraucht.
script-error-customer-quantity-exceeded = Sie haben diesen Gutschein so oft eingelöst, wie er erlaubt.
script-error-order-already-redeemed = Für diese Bestellung wurde der Gutschein bereits eingelöst.
script-error-order-rules-violated = Ihre Bestellung erfüllt die Bedingungen des Gutscheins nicht.
script-error-insufficient-points = So viele Punkte haben Sie nicht.
script-error-overloaded = Der Laden ist gerade ausgelastet. Bitte versuchen Sie es gleich noch einmal.
script-error-shutting-down = Der Laden startet gerade neu. Bitte versuchen Sie es gleich noch einmal.
script-error-rate-limited = Das war viel auf einmal. Bitte warten Sie einen Augenblick.
script-error-not-confirmed = Es wurde nichts geändert. Bitte fragen Sie noch einmal.
script-error-already-done = Das ist bereits erledigt.
script-error-disk-full = Der Laden kann das gerade nicht annehmen. Bitte versuchen Sie es später noch einmal.
script-error-internal-error = Im Laden ist etwas schiefgegangen. Bitte versuchen Sie es noch einmal.

## Console: services, fields of a product, how a stage went

service-support = Kundendienst
service-search = Suche
service-recommend = Empfehlung
service-insight = Auswertung
field-title = Titel
field-brand = Marke
field-category = Kategorie
field-tags = Schlagwörter
field-attributes = Eigenschaften
field-description = Beschreibung
outcome-skipped = übersprungen
outcome-degraded = eingeschränkt

## Words by which messages are understood, apart by |

heard-conjunctions = und | dann | außerdem | sowie | zudem | und dann
heard-last = letzte | letzten | letzter | neueste | neuesten | jüngste | jüngsten
heard-first = erste | ersten | älteste | ältesten
heard-other = andere | anderen | anderes | andern | übrige | übrigen | restlichen
heard-all = alle | alles | beide | beiden | ganze | ganzen | komplett | komplette | komplette
heard-exceptions = außer | ausser | bis auf | aber nicht
heard-ordinals = erste | zweite | dritte | vierte | fünfte
heard-turns = auf | gegen | zu | nach | für | in | stattdessen
heard-preferences = lieber | am liebsten | bevorzugt
heard-account = meine adresse | heimatadresse | heimadresse | hinterlegte adresse | standardadresse | privatadresse | adresse im konto | nach hause
heard-months = januar jan | februar feb | märz | april apr | mai | juni jun | juli jul | august aug | september sep | oktober okt | november nov | dezember dez
heard-credit-card = kreditkarte | karte | debitkarte
heard-gift-card = geschenkkarte | geschenkgutschein | gutscheinkarte
heard-bank-transfer = überweisung | banküberweisung
heard-cheapest = billigste | billigsten | günstigste | günstigsten | billigere | günstigere
heard-dearest = teuerste | teuersten | teurere
heard-colours = rot | blau | grün | schwarz | weiß weiss | grau | gelb | orange | rosa pink | lila violett | braun | beige | silber silbern | gold golden
heard-more = größer | größere | größeren | länger | längere | höher | höhere | breiter | breitere | heller | hellere | dicker | mehr | stärker | stärkere
heard-less = kleiner | kleinere | kleineren | kürzer | kürzere | niedriger | schmaler | schmalere | dunkler | dünner | weniger | schwächer | leichter
heard-most = größte | größten | längste | höchste | hellste | maximal | maximale
heard-least = kleinste | kleinsten | kürzeste | niedrigste | minimal | minimale
heard-order = bestellung | bestellungen | auftrag
heard-follow-ups = und | aber | was ist mit | wie ist es mit | wie sieht es mit | dann | auch
