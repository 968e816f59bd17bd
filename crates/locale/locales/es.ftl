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
sort = Ordenar
sort-relevance = Más relevantes
sort-price-asc = Precio: de menor a mayor
sort-price-desc = Precio: de mayor a menor
sort-rating = Mejor valorados
sort-newest = Más recientes
price-heading = Precio
price-from = Desde
price-to = Hasta
choose-variant = Elegir
ask-person = Hablar con una persona
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
sign-out = Cerrar sesión
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
training-now = Entrenando ahora
training-failed = El último entrenamiento falló:
training-left-out = no se entrenó la última vez.
clicks = clics
carts = añadidos al carrito
purchases = compras
thumbs-up = pulgares arriba
thumbs-down = pulgares abajo

## Console: files come in

import = Importar
import-first = Empezar: traiga su tienda
import-about = Suelte aquí lo que exporta su tienda: productos, clientes, pedidos, reseñas, conversaciones, políticas. Cada archivo se muestra primero; nada se guarda hasta que usted lo diga.
choose-files = Elegir archivos
choose-folder = Una carpeta entera
or-drop-them = o suéltelos aquí
store-all = Guardar todo lo que está listo
train-next = Siguiente: entrenar los modelos
import-reads = Leyendo el archivo
import-columns = Columnas
import-column = Columna
import-values = Valores
import-means = Significa
import-suggested = Lo sugiere el modelo de lenguaje: compruebe si es correcto.
import-examples = Los primeros registros
import-store = Guardar
import-leave = Descartar
import-kind = Qué son las filas
import-unknown = aún no se sabe
import-currency = Moneda de los precios que no la indican
import-time-zone = Zona horaria de las horas
import-date-order = Las fechas como 3/4/2026 empiezan por
import-day-first = el día
import-month-first = el mes
import-save = Recordar como, para el próximo archivo igual
import-saved = Correspondencias guardadas
import-forget = Borrar

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

published-models = Modelos publicados
sentence-encoder = Codificador de frases
chat-model = Modelo de chat
no-published-model = ninguno: el asistente trabaja sin él
pull-recommended = Modelos adecuados para esta máquina, con tamaño y licencia a la vista antes de descargar nada:
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
script-order = Pedido
script-add-to-cart = Añadir al carrito
script-added = Añadido al carrito
script-confirm = Confirmar
script-decline = No, dejarlo así
script-confirm-about = ¿Lo hacemos por usted?
script-confirmed = Hecho
script-declined = No se ha cambiado nada
script-ask-person = Quiero hablar con una persona
script-person-asked = Ha pedido hablar con una persona. Alguien le responderá aquí.
script-person-here = Ahora le responde una persona de nuestro equipo.
script-assistant-back = Vuelve a responder el asistente.
script-typing = está escribiendo…
script-import-failed = No se pudo enviar el archivo. ¿Sigue el servidor en marcha?
script-import-found = Se pueden guardar: { $good }. Rechazadas: { $bad }.
script-import-stored = Guardados: { $stored }. Sin cambios: { $unchanged }. Rechazados: { $bad }.
script-import-problem = Línea { $line }, { $field }: { $reason }
script-import-problems = Rechazadas: { $count }, y notas
script-import-kept = conservar tal cual
script-import-left-out = omitir
script-import-need-kind = Diga qué son las filas.
script-import-need-mapping = El significado de las columnas se ha supuesto: revíselo.
script-import-need-currency = Los precios no indican la moneda: indíquela.
script-import-need-time-zone = Las horas no indican la zona horaria: indíquela.
script-import-need-date-order = Las fechas pueden empezar por el día o por el mes: diga cuál.

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

## What the assistant says by itself

say-disclosure = Soy el asistente de IA de la tienda.
say-greeting = ¡Hola! ¿En qué puedo ayudarte?
say-welcome = ¡De nada!
say-declined = Lo siento, no he encontrado nada en la información de la tienda que responda a esto.
say-offer-titles = No estoy seguro de cuál de estas páginas lo responde:
say-see-also = Esto también puede ayudar:
say-offer-person = ¿Quieres hablar con una persona?
say-handed-over = Te paso con una persona, junto con lo que hemos hablado hasta ahora.
say-sign-in-for-orders = Inicia sesión primero, para que pueda consultar tus pedidos.
say-order-not-found = No encuentro ningún pedido con ese número en la cuenta con la que has iniciado sesión.
say-no-orders = Todavía no hay pedidos en tu cuenta.
say-original-language = En las palabras del original:
say-more = Dime qué te gustaría saber.
say-found = Esto es lo que he encontrado:
say-added-to-cart = Ya está en su carrito:
say-nearest = No he encontrado exactamente eso. Lo más parecido:
say-please-confirm = Revisa lo que se muestra y confírmalo; antes no cambia nada.
say-which-item = ¿A qué pedido y a qué artículo te refieres?
say-which-option = ¿Qué opción prefieres en su lugar?
say-which-address = ¿A qué dirección te refieres? Escríbela completa, por favor.
say-whole-order = Solo se puede cancelar un pedido entero. ¿Cancelo el pedido entero?
between-sentences = { " " }

## Why the assistant does not do something

refused-sign-in = Inicia sesión primero.
refused-not-yours = No lo encuentro en la cuenta con la que has iniciado sesión.
refused-arguments = No lo he entendido del todo; dímelo con más detalle, por favor.
refused-policy = Las normas de la tienda no lo permiten.
refused-state = No es posible con el estado actual del pedido o del artículo.
refused-payment = Esta forma de pago no sirve para esto.
refused-nothing-to-change = Ya está así; no hay nada que cambiar.
refused-needs-person = Esto tiene que hacerlo alguien de nuestro equipo.
refused-not-confirmed = Esto no se ha confirmado.
refused-already-done = Esto ya está hecho.
refused-records = Los registros de la tienda no están lo bastante completos para esto.

## What the assistant proposes, to be confirmed

propose-cancel-order = Cancelar el pedido { $order }.
propose-return-items = Devolver artículos del pedido { $order }.
propose-exchange-items = Cambiar artículos del pedido { $order } por otros.
propose-change-order-items = Modificar artículos del pedido { $order }.
propose-change-order-address = Cambiar la dirección del pedido { $order }.
propose-change-order-payment = Cambiar el pago del pedido { $order }.
propose-change-customer-address = Cambiar la dirección de la cuenta { $account }.
propose-redeem-coupon = Canjear un cupón en el pedido { $order }.
propose-spend-points = Usar puntos de la cuenta { $account }.

## What the assistant reads from records

sentence = { $words }.
fact-order-status = El estado del pedido { $order } es: { $status }.
fact-order-placed = Se hizo el { $date }.
fact-order-items = Artículos: { $items }.
fact-order-total = Total: { $total }.
fact-points = Tiene { $points } puntos.
fact-order-tracking = Seguimiento: { $tracking }.
fact-price = El precio de { $product } es { $price }.
fact-availability = { $product }: { $availability }.
fact-brand = La marca de { $product } es { $brand }.
fact-rating = Los clientes dan a { $product } una media de { $rating } sobre 5.
fact-attribute = { $product }, { $attribute }.
fact-listed = { $product }: { $price }, { $availability }.
counted = { $said }: { $kinds ->
    [one] { $kinds } tipo
   *[other] { $kinds } tipos
}, { $options ->
    [one] { $options } opción
   *[other] { $options } opciones
} en total
counted-in-stock = { $said }, en stock: { $kinds ->
    [one] { $kinds } tipo
   *[other] { $kinds } tipos
}, { $options ->
    [one] { $options } opción
   *[other] { $options } opciones
} en total

## Availability in a sentence

availability-in-stock = en stock
availability-limited-stock = en stock, quedan pocas unidades
availability-backorder = pendiente de reposición: se puede pedir y se envía más tarde
availability-preorder = disponible en preventa
availability-out-of-stock = agotado
availability-discontinued = descatalogado

## How searches name prices

query-price-between = entre #* y #* | desde #* hasta # | de #* a # | #* a # | #* - # | # - #*
query-price-at-most = menos de #? | por debajo de #? | más barato que #? | hasta # | como máximo # | no más de # | máximo #
query-price-at-least = más de #? | por encima de #? | más caro que #? | al menos # | a partir de # | desde # | mínimo #
query-price-about = unos # | alrededor de # | aproximadamente # | cerca de #
query-price-ending = { "" }
query-currency = euro | euros | dólar | dólares | dolares | peso | pesos | libras esterlinas
query-cheap = barato | barata | baratos | baratas | económico | económica | económicos | económicas

## What shoppers are told when something fails, by the code of the error

script-error-voucher-not-found = No existe ningún cupón con este código.
script-error-voucher-not-active = Este cupón todavía no es válido.
script-error-voucher-expired = Este cupón ha caducado.
script-error-quantity-exceeded = Este cupón se ha agotado.
script-error-customer-quantity-exceeded = Ya has usado este cupón todas las veces permitidas.
script-error-order-already-redeemed = Este pedido ya ha usado este cupón.
script-error-order-rules-violated = Tu pedido no cumple las condiciones del cupón.
script-error-insufficient-points = No tienes tantos puntos.
script-error-overloaded = La tienda está saturada ahora mismo. Inténtalo de nuevo en un momento.
script-error-shutting-down = La tienda se está reiniciando. Inténtalo de nuevo en un momento.
script-error-rate-limited = Demasiadas peticiones seguidas. Espera un poco, por favor.
script-error-not-confirmed = No se ha cambiado nada. Vuelve a pedirlo, por favor.
script-error-already-done = Esto ya está hecho.
script-error-disk-full = La tienda no puede aceptarlo ahora mismo. Inténtalo más tarde.
script-error-internal-error = Algo ha fallado en la tienda. Inténtalo de nuevo.

## Console: services, fields of a product, how a stage went

service-support = Atención al cliente
service-search = Búsqueda
service-recommend = Recomendación
service-insight = Análisis
field-title = Título
field-brand = Marca
field-category = Categoría
field-tags = Etiquetas
field-attributes = Atributos
field-description = Descripción
outcome-skipped = omitida
outcome-degraded = degradada

## Words by which messages are understood, apart by |

heard-conjunctions = y | luego | además | también | e
heard-last = último | última | más reciente
heard-first = primer | primero | primera | más antiguo
heard-other = otro | otra | el otro | la otra | los demás | las demás | resto
heard-all = todo | toda | todos | todas | ambos | ambas | entero | entera
heard-exceptions = excepto | salvo | menos | pero no
heard-ordinals = primero | segundo | tercero | cuarto | quinto
heard-turns = a | por | en | para
heard-preferences = prefiero | mejor | preferiblemente
heard-account = mi dirección | dirección de casa | dirección de mi cuenta | dirección predeterminada | mi casa
heard-months = enero | febrero | marzo | abril | mayo | junio | julio | agosto | septiembre | octubre | noviembre | diciembre
heard-credit-card = tarjeta de crédito | tarjeta
heard-gift-card = tarjeta regalo | tarjeta de regalo
heard-bank-transfer = transferencia
heard-cheapest = más barato | más barata | más económico | más económica
heard-dearest = más caro | más cara
heard-colours = rojo roja | azul | verde | negro negra | blanco blanca | gris | amarillo amarilla | naranja | rosa | morado morada violeta | marrón | beige | plateado plateada | dorado dorada
heard-more = más grande | mayor | más largo | más larga | más alto | más alta | más ancho | más ancha | más brillante | más potente
heard-less = más pequeño | más pequeña | menor | más corto | más corta | más bajo | más baja | más estrecho | menos
heard-most = el más grande | la más grande | máximo | máxima
heard-least = el más pequeño | la más pequeña | mínimo | mínima
heard-order = pedido | pedidos | compra
heard-follow-ups = y | pero | qué hay de | qué tal | entonces | también
