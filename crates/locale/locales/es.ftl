## This language

language-name = Español
choose-language = Idioma
# An amount with the sign or code of its currency.
price = { $amount }{ "\u00A0" }{ $symbol }
share = { $number }{ "\u00A0" }%
# Signs of currencies (CLDR); others show their code.
currency-signs = EUR € · USD US$ · VND ₫
shop-name = La tienda

## Storefront

skip = Ir al contenido
search = Buscar
search-placeholder = ¿Qué estás buscando?
all = Todo
for-you = Para ti
trending = Tendencias
browse = Explorar
similar = Productos similares
bought-together = Suelen comprarse juntos
reviews = Opiniones
reviews-counted = { $count ->
    [one] { $count } opinión
   *[other] { $count } opiniones
}
no-reviews = Todavía nadie ha escrito sobre este producto.
add-to-cart = Añadir al carrito
added = Añadido al carrito
hide = No me interesa
hidden = No volverás a verlo
wishlist = Guardar
remembered = Guardado
customer = Cliente
anonymous = Sin iniciar sesión
choose = Elegir
cart = Carrito
checkout = Comprar
close = Cerrar
coupon = Cupón
apply = Aplicar
discount = Descuento
total = Total
points = Puntos
no-results = Nada coincide. Prueba con otra palabra o quita un filtro.
nearest = Ningún producto tiene todo eso. Los más parecidos:
corrected = Resultados para
results = { $count ->
    [one] { $count } resultado
   *[other] { $count } resultados
}
brand = Marca
category = Categoría
availability = Disponibilidad
in-stock = En stock
out-of-stock = No disponible
not-found = Esta página no existe.
home = Ir a la tienda
related = Búsquedas relacionadas
reason-title = El título es lo que has escrito
reason-popular = Popular
reason-chosen = Muy elegido en esta búsqueda
reason-taste = Como lo que has estado viendo
positive = positiva
neutral = neutra
negative = negativa

## Chat

chat = Pregúntanos
chat-hello = ¡Hola! Pregunta por pedidos, devoluciones, envíos o un producto. Las respuestas citan los documentos de la tienda.
chat-placeholder = Tu pregunta
send = Enviar
starter-return = ¿Cuál es la política de devoluciones?
starter-delivery = ¿Cuánto tarda el envío?
starter-order = ¿Dónde está mi pedido?
source = Fuente

## Console

console = Consola
storefront = Tienda
overview = Resumen
conversations = Conversaciones
inbox = Bandeja de entrada
insight = Análisis
models = Modelos
offers = Ofertas
decisions = Decisiones
documentation = HTTP
nothing-yet = Nada todavía.
sign-in = Iniciar sesión
admin-key = Clave de administración
wrong-key = Esta clave no abre la consola.
customers = Clientes
orders = Pedidos
products = Productos
documents = Documentos
product = Producto
time = Hora
who = Quién
messages = Mensajes
role-customer = Cliente
role-agent = Tienda
role-tool = Herramienta
intent = Intención
state = Estado

## Console: overview

overview-title = El ciclo
overview-about = Lo que hacen los clientes se convierte en datos; los datos, en un corpus; el corpus entrena los modelos; los modelos responden; las respuestas traen nuevas reacciones.
loop-back = ↺ las reacciones vuelven a ser datos
data = Datos
corpus = Corpus
training = Entrenamiento
service = Servicio
feedback = Reacciones
log-entries = entradas del registro
texts-to-learn-from = textos de los que aprender
versions-trained = versiones entrenadas
answers-given = respuestas dadas
events-received = eventos recibidos
train-now = Volver a entrenar
clicks = clics
carts = añadidos al carrito
purchases = compras
thumbs-up = pulgares arriba
thumbs-down = pulgares abajo

## Console: inbox and conversations

nobody-waits = Nadie espera a una persona.
waits-since = Desde
state-waiting = en espera
state-person = con una persona
state-assistant = con el asistente
take-over = Atender
take-about = El asistente calla desde el momento en que atiendes.
give-back = Devolver al asistente
your-reply = Tu respuesta
suggest = Sugerir una respuesta
suggest-about = La sugerencia es lo que diría el asistente. Cámbiala como quieras; se envía cuando pulses «Enviar».
notes = Notas
new-note = Nota nueva (el cliente nunca la ve)
add-note = Añadir nota
improvements = Qué se puede aprender de las respuestas
how-ended = Cómo acabaron las conversaciones
contained = sin intervención de una persona
said-resolved = el cliente la dio por resuelta
not-reopened = de estas, no reabiertas
truly-resolved = de estas, siguen así en los registros
mean-rating = valoración de los clientes
improvements-about = Donde una persona respondió lo que el asistente no pudo, o lo corrigió. Nada se usa antes de que lo aceptes.
would-replace = Reemplazaría, en
question = Pregunta
answer = Respuesta
accept = Aceptar
reject = Rechazar
resolved = resuelta

## Console: search

search-preview = Vista previa de la búsqueda
curation = Reglas de búsqueda
rule = Regla
when = Cuando
then = Entonces
any-query = cualquier búsqueda
rule-is = es
rule-contains = contiene
rule-begins = empieza por
pin = Fijar en la posición
pin-product = Id del producto que se fija
hide-products = Ids de los productos que se ocultan, con comas
boost-filter = Adelantar lo que sea (filtro)
only-filter = Mostrar solo (filtro)
redirect = Redirigir a
banner = Aviso
from-time = Desde
until-time = Hasta
keep-rule = Guardar la regla
turn-off = Desactivar
turn-on = Activar
remove = Quitar
without-rules = Sin reglas
with-rules = Con reglas
gaps = Búsquedas que no llevan a nada
nothing-was-found = nada encontrado
nothing-was-chosen = nada elegido
may-mean = Puede significar
write-rule = Escribir una regla
synonyms = Sinónimos
synonyms-hint = Palabras con el mismo significado, con comas
try-it = Comparar
stages = Etapas
reasons = Motivos
score = Puntuación

## Console: insight

polarity-by-week = Polaridad por semana
themes = Temas
quotes = Citas
mentions = { $count ->
    [one] { $count } mención
   *[other] { $count } menciones
}
alerts = Quejas en aumento

## Console: models

did-not-train = Este modelo todavía no está entrenado.
metric = Métrica
model = Modelo
baseline = Referencia
serves = en servicio
serve-this = Poner en servicio
answers-counted = { $count ->
    [one] { $count } respuesta
   *[other] { $count } respuestas
}
clicks-counted = { $count ->
    [one] { $count } clic
   *[other] { $count } clics
}
carts-counted = { $count ->
    [one] { $count } vez añadido al carrito
   *[other] { $count } veces añadido al carrito
}
purchases-counted = { $count ->
    [one] { $count } compra
   *[other] { $count } compras
}
thumbs-up-counted = { $count ->
    [one] { $count } pulgar arriba
   *[other] { $count } pulgares arriba
}
thumbs-down-counted = { $count ->
    [one] { $count } pulgar abajo
   *[other] { $count } pulgares abajo
}
rollback = Volver a la anterior

## Console: offers

limit = Límite
limit-per-customer = Por cliente
percent = Porcentaje de descuento
code = Código
redeemed = Canjeados
define-coupon = Crear un cupón

## Console: decisions

why-title = Por qué se mostró esto
request = Petición
shown = Mostrado

## Texts that the pages' scripts show, as `say.source`

script-source = Fuente
script-helpful = Útil
script-unhelpful = No es útil
script-thanks = Gracias
script-bought = Gracias por tu pedido
script-remove = Quitar
script-training = Entrenando…

## Why a product is recommended

because-you-bought = Porque compraste «{ $title }»
because-you-viewed = Porque viste «{ $title }»
because-you-added-to-cart = Porque añadiste «{ $title }» al carrito
your-history = Por lo que has visto últimamente
bought-together-with = Suele comprarse con «{ $title }»
also-liked = Gusta a quienes les gusta «{ $title }»
similar-to = Parecido a «{ $title }»
same-category = De la misma categoría que «{ $title }»
in-demand-now = Muy demandado ahora
popular-with-others = Popular entre otros clientes
in-catalogue = De nuestro catálogo
time-to-replenish = Ya lo compraste y suele hacer falta otra vez
chosen-by-shop = Elegido por la tienda
