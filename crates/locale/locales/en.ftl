# Everything that depends on English. Adding a language is adding a file like
# this one, named by its language tag; CONTRIBUTING.md says how. Fluent syntax:
# https://projectfluent.org/fluent/guide

## This language

language-name = English
choose-language = Language
# An amount with the sign or code of its currency.
price = { $symbol }{ $amount }
share = { $number }%
# Signs of currencies (CLDR); others show their code.
currency-signs = USD $ · EUR € · GBP £ · JPY ¥ · CNY CN¥ · INR ₹ · KRW ₩ · BRL R$ · CAD CA$ · AUD A$ · MXN MX$ · HKD HK$ · TWD NT$ · NZD NZ$ · ILS ₪ · VND ₫
shop-name = The Shop

## Storefront

skip = Skip to the content
search = Search
search-placeholder = What are you looking for?
all = All
sort = Sort
sort-relevance = Best match
sort-price-asc = Price: low to high
sort-price-desc = Price: high to low
sort-rating = Best rated
sort-newest = Newest
price-heading = Price
price-from = From
price-to = To
choose-variant = Choose
ask-person = Talk to a person
for-you = For you
trending = Trending now
browse = Browse
similar = Similar products
bought-together = Often bought together
reviews = Reviews
reviews-counted = { $count ->
    [one] { $count } review
   *[other] { $count } reviews
}
no-reviews = Nobody has written about this yet.
add-to-cart = Add to cart
added = In your cart
hide = Not for me
hidden = You will not see this again
wishlist = Remember
remembered = Remembered
customer = Customer
anonymous = Not signed in
choose = Choose
cart = Cart
checkout = Buy
close = Close
coupon = Coupon
apply = Apply
discount = Discount
total = Total
points = Points
no-results = Nothing fits. Try another word or remove a filter.
nearest = No product has all of this. The nearest:
corrected = Showing results for
results = { $count ->
    [one] { $count } result
   *[other] { $count } results
}
brand = Brand
category = Category
availability = Availability
in-stock = In stock
out-of-stock = Not available
not-found = There is no such page.
home = To the shop
related = Related searches
reason-title = The title is what you typed
reason-popular = Popular
reason-chosen = Often chosen for this search
reason-taste = Like what you looked at
positive = positive
neutral = neutral
negative = negative

## Chat

chat = Ask us
chat-hello = Hello! Ask about orders, returns, delivery or a product. Answers cite the shop's own documents.
chat-placeholder = Your question
send = Send
starter-return = What is the return policy?
starter-delivery = How long does delivery take?
starter-order = Where is my order?
source = Source

## Console

console = Console
storefront = Storefront
overview = Overview
conversations = Conversations
inbox = Inbox
insight = Insight
models = Models
offers = Offers
decisions = Decisions
documentation = HTTP
nothing-yet = Nothing yet.
sign-in = Sign in
sign-out = Sign out
admin-key = Admin key
wrong-key = This key does not open the console.
customers = customers
orders = orders
products = products
documents = documents
product = Product
time = Time
who = Who
messages = Messages
role-customer = Customer
role-agent = Shop
role-tool = Tool
intent = Intent
state = State

## Console: overview

overview-title = The loop
overview-about = What customers do becomes data; data becomes a corpus; the corpus trains the models; the models answer; the answers bring new feedback.
loop-back = ↺ feedback is data again
data = Data
corpus = Corpus
training = Training
service = Service
feedback = Feedback
log-entries = log entries
texts-to-learn-from = texts to learn from
versions-trained = versions trained
answers-given = answers given
events-received = events received
train-now = Train again
training-now = Training now
training-failed = The last training failed:
training-left-out = not trained the last time.
clicks = clicks
carts = carts
purchases = purchases
thumbs-up = thumbs up
thumbs-down = thumbs down

## Console: files come in

import = Import
import-first = Begin: bring your shop in
import-about = Drop in what your shop exports: products, customers, orders, reviews, conversations, policies. Each file is shown first; nothing is stored before you say so.
choose-files = Choose files
choose-folder = A whole folder
or-drop-them = or drop them here
store-all = Store all that is ready
train-next = Next: train the models
import-reads = The file is being read
import-columns = Columns
import-column = Column
import-values = Values
import-means = Means
import-suggested = The language model suggests this: look whether it is right.
import-examples = The first records
import-store = Store
import-leave = Leave it out
import-kind = What the rows are
import-unknown = not known yet
import-currency = Currency of prices without one
import-time-zone = Time zone of the times
import-date-order = Dates like 3/4/2026 begin with
import-day-first = the day
import-month-first = the month
import-save = Save as, for the next file like this
import-saved = Saved mappings
import-forget = Delete

## Console: inbox and conversations

nobody-waits = Nobody waits for a person.
waits-since = Since
state-waiting = waiting
state-person = with a person
state-assistant = with the assistant
take-over = Take over
take-about = The assistant is silent from the moment you take over.
give-back = Give back to the assistant
your-reply = Your reply
suggest = Suggest a reply
suggest-about = The suggestion is what the assistant would say. Change it as you like; it is sent when you press Send.
notes = Notes
new-note = New note (the customer never sees it)
add-note = Add note
improvements = What replies could teach
how-ended = How conversations ended
contained = no person touched
said-resolved = the customer called resolved
not-reopened = of these not reopened
truly-resolved = of these still so in the records
mean-rating = rating of customers
improvements-about = Where a person answered what the assistant could not, or corrected it. Nothing is used before you accept it.
would-replace = Would replace, in
question = Question
answer = Answer
accept = Accept
reject = Reject
resolved = resolved

## Console: search

search-preview = Search preview
curation = Search rules
rule = Rule
when = When
then = Then
any-query = every search
rule-is = is
rule-contains = contains
rule-begins = begins with
pin = Pin to position
pin-product = Product id to pin
hide-products = Product ids to hide, with commas
boost-filter = Bring forward what is (filter)
only-filter = Show only (filter)
redirect = Redirect to
banner = Banner
from-time = From
until-time = Until
keep-rule = Keep rule
turn-off = Turn off
turn-on = Turn on
remove = Remove
without-rules = Without rules
with-rules = With rules
gaps = Searches that lead nowhere
nothing-was-found = nothing found
nothing-was-chosen = nothing chosen
may-mean = May mean
write-rule = Write a rule
synonyms = Synonyms
synonyms-hint = Words that mean the same, with commas
try-it = Compare
stages = Stages
reasons = Reasons
score = Score

## Console: insight

polarity-by-week = Polarity by week
themes = Themes
quotes = Quotes
mentions = { $count ->
    [one] { $count } mention
   *[other] { $count } mentions
}
alerts = Complaints on the rise

## Console: models

published-models = Published models
sentence-encoder = Sentence encoder
chat-model = Chat model
no-published-model = none: the assistant goes on without
pull-recommended = Models that suit this machine, shown with size and licence before anything is downloaded:
did-not-train = This model is not trained yet.
metric = Figure
model = Model
baseline = Baseline
serves = serves
serve-this = Let it serve
answers-counted = { $count ->
    [one] { $count } answer
   *[other] { $count } answers
}
clicks-counted = { $count ->
    [one] { $count } click
   *[other] { $count } clicks
}
carts-counted = { $count ->
    [one] { $count } time put into a cart
   *[other] { $count } times put into a cart
}
purchases-counted = { $count ->
    [one] { $count } purchase
   *[other] { $count } purchases
}
thumbs-up-counted = { $count ->
    [one] { $count } thumb up
   *[other] { $count } thumbs up
}
thumbs-down-counted = { $count ->
    [one] { $count } thumb down
   *[other] { $count } thumbs down
}
rollback = Back to the one before

## Console: offers

limit = Limit
limit-per-customer = Per customer
percent = Percent off
code = Code
redeemed = Redeemed
define-coupon = Define a coupon

## Console: decisions

why-title = Why this was shown
request = Request
shown = Shown

## Texts that the pages' scripts show, as `say.source`

script-source = Source
script-helpful = Helpful
script-unhelpful = Not helpful
script-thanks = Thank you
script-bought = Thank you for your order
script-remove = Remove
script-training = Training…
script-order = Order
script-add-to-cart = Add to cart
script-added = In your cart
script-confirm = Confirm
script-decline = No, leave it
script-confirm-about = Shall we do this for you?
script-confirmed = Done
script-declined = Nothing was changed
script-ask-person = I want to talk to a person
script-person-asked = You have asked for a person. Somebody will answer here.
script-person-here = A person from our team is answering now.
script-assistant-back = The assistant is answering again.
script-typing = is typing…
script-import-failed = The file could not be sent. Is the server still there?
script-import-found = Can be stored: { $good }. Refused: { $bad }.
script-import-stored = Stored: { $stored }. Unchanged: { $unchanged }. Refused: { $bad }.
script-import-problem = Line { $line }, { $field }: { $reason }
script-import-problems = Refused: { $count }, and notes
script-import-kept = keep as it is
script-import-left-out = leave out
script-import-need-kind = Please say what the rows are.
script-import-need-mapping = What the columns mean was guessed: please look at them.
script-import-need-currency = The prices name no currency: please name it.
script-import-need-time-zone = The times name no time zone: please name it.
script-import-need-date-order = The dates may begin with the day or the month: please say which.

## Why a product is recommended

because-you-bought = Because you bought “{ $title }”
because-you-viewed = Because you viewed “{ $title }”
because-you-added-to-cart = Because you put “{ $title }” into your cart
your-history = From what you looked at lately
bought-together-with = Often bought with “{ $title }”
also-liked = Liked by those who like “{ $title }”
similar-to = Similar to “{ $title }”
same-category = In the same category as “{ $title }”
in-demand-now = In demand right now
popular-with-others = Popular with other customers
in-catalogue = From our range
time-to-replenish = Bought before, and usually needed again by now
chosen-by-shop = Chosen by the shop

## What the assistant says by itself

say-disclosure = I am the shop's AI assistant.
say-greeting = Hello! How can I help you?
say-welcome = You are welcome!
say-declined = I am sorry, I found nothing in the shop's own information that answers this.
say-offer-titles = I am not sure which of these answers it:
say-see-also = This may help too:
say-offer-person = Would you like to talk to a person?
say-handed-over = I am passing you on to a person, together with what was said so far.
say-sign-in-for-orders = Please sign in first, so that I can look at your orders.
say-order-not-found = I cannot find an order with this number under the account that you are signed in with.
say-no-orders = There are no orders under your account yet.
say-original-language = In the words of the original:
say-more = Please tell me what you would like to know.
say-found = This is what I found:
say-added-to-cart = It is in your cart:
say-nearest = I found nothing that is exactly this. The nearest:
say-please-confirm = Please check what is shown and confirm it; nothing changes before you do.
say-which-item = Which order and which item do you mean?
say-which-option = Which of its options would you like instead?
say-which-address = Which address do you mean? Please write it in full.
say-whole-order = Only a whole order can be cancelled. Shall I cancel the whole order?
between-sentences = { " " }

## Why the assistant does not do something

refused-sign-in = Please sign in first.
refused-not-yours = I cannot find this under the account that you are signed in with.
refused-arguments = I did not fully understand this; please say it in more detail.
refused-policy = The shop's policy does not allow this.
refused-state = This is not possible as the order or the item stands now.
refused-payment = This payment method cannot be used for this.
refused-nothing-to-change = It is so already; there is nothing to change.
refused-needs-person = A member of our staff has to do this.
refused-not-confirmed = This has not been confirmed.
refused-already-done = This has been done already.
refused-records = The shop's records are not complete enough for this.

## What the assistant proposes, to be confirmed

propose-cancel-order = Cancel order { $order }.
propose-return-items = Return items of order { $order }.
propose-exchange-items = Exchange items of order { $order }.
propose-change-order-items = Change items of order { $order }.
propose-change-order-address = Change the address of order { $order }.
propose-change-order-payment = Change the payment of order { $order }.
propose-change-customer-address = Change the address of the account { $account }.
propose-redeem-coupon = Redeem a coupon on order { $order }.
propose-spend-points = Spend points of the account { $account }.

## What the assistant reads from records

sentence = { $words }.
fact-order-status = The status of order { $order } is: { $status }.
fact-order-placed = It was placed on { $date }.
fact-order-items = Items: { $items }.
fact-order-total = Total: { $total }.
fact-points = You have { $points } points.
fact-order-tracking = Tracking: { $tracking }.
fact-price = The price of { $product } is { $price }.
fact-availability = { $product }: { $availability }.
fact-brand = The brand of { $product } is { $brand }.
fact-rating = Customers rate { $product } { $rating } out of 5 on average.
fact-attribute = { $product }, { $attribute }.
fact-listed = { $product }: { $price }, { $availability }.
counted = { $said }: { $kinds ->
    [one] { $kinds } kind
   *[other] { $kinds } kinds
}, { $options ->
    [one] { $options } option
   *[other] { $options } options
} in all
counted-in-stock = { $said }, in stock: { $kinds ->
    [one] { $kinds } kind
   *[other] { $kinds } kinds
}, { $options ->
    [one] { $options } option
   *[other] { $options } options
} in all

## Availability in a sentence

availability-in-stock = in stock
availability-limited-stock = in stock, only a few left
availability-backorder = on backorder, it can be ordered and ships later
availability-preorder = open for pre-order
availability-out-of-stock = out of stock
availability-discontinued = discontinued

## How searches name prices

# Alternatives stand between |. # is an amount with its currency; #? one that
# needs no currency where the query ends; #* one that never needs it.
query-price-between = between #* and #* | from #* to # | #* to # | #* - # | # - #*
query-price-at-most = under #? | below #? | less than #? | cheaper than #? | up to # | at most # | no more than # | max # | maximum #
query-price-at-least = over #? | above #? | more than #? | at least # | from # | min # | minimum #
query-price-about = about # | around #
query-price-ending = { "" }
query-currency = dollar | dollars | bucks | euro | euros | pounds sterling
query-cheap = cheap | cheapest | inexpensive | affordable | low-cost | low cost

## What shoppers are told when something fails, by the code of the error

script-error-voucher-not-found = There is no coupon with this code.
script-error-voucher-not-active = This coupon is not valid yet.
script-error-voucher-expired = This coupon is no longer valid.
script-error-quantity-exceeded = This coupon has been used up.
script-error-customer-quantity-exceeded = You have used this coupon as often as it allows.
script-error-order-already-redeemed = This order has had this coupon already.
script-error-order-rules-violated = Your order does not meet the coupon's conditions.
script-error-insufficient-points = You have fewer points than that.
script-error-overloaded = The shop is busy right now. Please try again in a moment.
script-error-shutting-down = The shop is restarting. Please try again in a moment.
script-error-rate-limited = That was a lot at once. Please wait a little.
script-error-not-confirmed = Nothing was changed. Please ask again.
script-error-already-done = This has been done already.
script-error-disk-full = The shop cannot take this right now. Please try again later.
script-error-internal-error = Something went wrong in the shop. Please try again.

## Console: services, fields of a product, how a stage went

service-support = Support
service-search = Search
service-recommend = Recommendation
service-insight = Insight
field-title = Title
field-brand = Brand
field-category = Category
field-tags = Tags
field-attributes = Attributes
field-description = Description
outcome-skipped = skipped
outcome-degraded = degraded

## Words by which messages are understood, apart by |

heard-conjunctions = and | and then | then | also | plus | but also
heard-last = last | latest | most recent | newest | just placed
heard-first = first | oldest | earliest
heard-other = other | the other | another | the rest | remaining
heard-all = all | everything | every | both | whole | entire
heard-exceptions = except | but not | apart from | other than
heard-ordinals = first | second | third | fourth | fifth
heard-turns = to | for | into | with | instead | rather
heard-preferences = prefer | rather | ideally | preferably
heard-account = home address | default one | my default | my address | default address | address in my account | address on file | account address | profile address
heard-months = january jan | february feb | march mar | april apr | may | june jun | july jul | august aug | september sep sept | october oct | november nov | december dec
heard-credit-card = credit card | card | debit card
heard-gift-card = gift card | giftcard | voucher card
heard-bank-transfer = bank transfer | wire transfer
heard-cheapest = cheapest | least expensive | cheaper | cheap
heard-dearest = most expensive | priciest | dearest | more expensive
heard-colours = red | blue | green | black | white | grey gray | yellow | orange | pink | purple violet | brown | beige | silver | gold golden
heard-more = bigger | larger | longer | higher | taller | wider | brighter | thicker | more | greater | stronger | heavier
heard-less = smaller | shorter | lower | narrower | dimmer | thinner | less | fewer | weaker | lighter
heard-most = biggest | largest | longest | highest | brightest | thickest | maximum | maximized
heard-least = smallest | shortest | lowest | thinnest | fewest | minimum
heard-order = order | purchase
heard-follow-ups = and | what about | how about | but | also | then
