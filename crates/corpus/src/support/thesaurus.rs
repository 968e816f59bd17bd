use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::terms::stem;

/// Words of everyday English that may stand for one another in what shops
/// and customers write, a group a line. A word may be in several: which is
/// meant is not known, so that a match by a group counts less than one by a
/// concept of the trade.
const GROUPS: &str = "\
accept take approve agree allow honour
acceptable valid allowed permitted eligible
act action step
add include attach append join
advise recommend suggest advice recommendation
afterwards later following subsequently
alone single only sole solo
alter change modify amend adjust edit
amount sum total quantity figure
answer reply respond response
appear show display look
apply use request
approval permission consent confirmation
arrive come reach land delivered
ask request query enquire inquire question
attempt try
attribute property feature detail characteristic
balance fund credit money
begin start commence initiate launch
belong own property
block prevent stop bar forbid
box package packaging carton
break damage crack fracture snap tear rip
bring carry take
build make construct manufacture produce
burn overheat heat scorch
button switch key
buy purchase order acquire
calculate compute work
call phone ring telephone
cancel abort stop void
care maintenance upkeep
carry hold transport
case situation event circumstance condition
cause reason why ground
certain sure specific particular
chat conversation talk dialogue session
check verify confirm inspect examine test validate look
choose select pick choice decide opt
claim request demand file
clean wash rinse wipe laundry launder
client customer user buyer shopper consumer
close shut seal fasten lock
cold freeze frost chill
collect gather pick fetch
combine merge join together mix
compatible work fit support
complain complaint dispute contest grievance
complete finish done end full
component part piece element
condition requirement prerequisite must criterion
confirm verify approve acknowledge
connect pair link attach join plug
consent agree permission
contact reach call write
contain hold include
convert turn change
correct right proper accurate fix
cover include protect apply
credit refund balance
cut trim reduce
danger hazard risk unsafe
date day time deadline
deadline limit late due
decline reject refuse deny
deduct subtract remove take
defect fault flaw
delay late wait
delete remove erase
deny refuse reject decline
describe explain detail
detergent soap cleaner
device unit machine appliance equipment
different another distinct other
dimension size length width height measurement
disassemble dismantle
discard dispose throw
disconnect unplug detach
distinct different unrelated separate relation
divide split share several
drop fall
dry dryer drying tumble
dryer tumble drying
due owed outstanding
durable sturdy strong robust
duration length period term long last run
earlier previous former prior before
early soon
earn get gain collect
employee staff worker agent
empty drain
enable activate
end finish expire close stop
enough sufficient adequate
ensure guarantee sure
enter type input fill write
entire whole full all
entitle qualify eligible
environment weather outdoor
error mistake fault wrong problem
estimate approximate about
exclude except exclusion
expect anticipate
expire end lapse run
explicit clear express
extend extension longer prolong lengthen
extra additional more further added surplus
fail failure malfunction stop
fasten secure tie attach
fault blame mistake
fee charge cost
find locate search look
firm company business
fix repair solve resolve mend remedy
fluffy loft puffy
fold collapse compact
follow obey comply
forbid prohibit ban
forget lose recover
form kind type way method
forward pass transfer send
free complimentary gratis waive
frequently often regularly
function feature work operate
give provide supply offer hand
goods item product merchandise article
guide manual instruction handbook
handle manage treat process
happen occur result
hazard danger risk
heat warm hot temperature
help assist assistance aid support
identify identity who authenticate recognise
immediate instant prompt once
improve enhance
in-store shop
increase raise grow
incorrect wrong mistaken false
individual person
inform notify tell alert
injury harm hurt
inspect check examine
instruction direction guideline step
insulate insulation warmth warm
issue problem trouble fault difficulty
item product article thing goods
keep store retain remain
kind type sort category form
kinds types sorts categories
large big
last recent latest final
late overdue delayed
leak drip
length long
level tier rank grade
light lamp bulb
limit cap maximum restrict
list catalogue enumerate
locate find
lock secure
login sign access
loose slack
lose loss lost
loss lose lost
machine washer appliance
mail letter post
main default primary
maintain keep service
manner way method mode
material fabric cloth textile
maximum most limit highest
measure gauge test
member customer subscriber
message note text
method way means procedure mode form
minimum least lowest
missing lost absent gone
mode setting programme program cycle
programme cycle mode setting program
moment once immediately
move shift transfer change relocate
multiple several many
name call title
necessary required need must
new fresh another
notice warning note
number count quantity amount
obtain get receive acquire
offer provide give
often frequency times
once single
online web internet website site
operate use run
option choice variant alternative
original initial first
owe due
own personal
pack package wrap
pass transfer hand forward
passed transferred handed
patch repair
pause stop suspend
pay settle spend
period duration term
permit allow let may
phone telephone mobile
place location spot site
postpone delay extend
power battery electricity
precaution safety warning care
press push
previous earlier former
prevent avoid
problem issue trouble fault
procedure process step
profile account
proof evidence receipt
protect guard shield
prove verify proof confirm
provide give supply
punctual time
put place enter
quantity amount number count
query question
quick fast rapid
rapid quick fast
rate price speed
reach contact
reason cause motive ground
receive get obtain
record note enter log
recover restore regain retrieve
reduce lower decrease cut
reimburse refund repay
reject refuse deny
relation related same connection
relative sister brother mother father friend wife husband family else
remain stay keep
remove take delete detach waive
renew extend
repair fix
replace swap substitute exchange
report tell
request ask demand
require need must
reset restart reboot
resolve solve fix
responsible liable
restore recover
result outcome
return send
review check
rule condition term
safe secure
same identical equal
save store
say state
schedule plan time
seal close
select choose
send ship mail dispatch post
separate different
set configure adjust
setting mode option
several multiple two
shake vibrate
sharp blade
ship send deliver
shop store retailer
show display
sign log
signal reception
size dimension
slow delay
smell odour odor
soak wet
solve resolve fix
sort kind type
spare replacement extra
specific particular
specification spec rating
spend pay
split divide
spot location
stage status step state
stain spot mark
state status stage condition
status state stage
stop end halt
strap belt band
strength strong
stuck jam
submit send file
suit fit appropriate suitable recommended
suitable appropriate fit
sum total amount
support help
surface area
suspend pause
swap exchange
switch turn
take accept
tear rip
temperature heat
term condition
test check trial inspect
throw discard
tidy clean
tight secure
time hour clock
timezone zone
tool instrument
torn damaged
total sum overall
transaction payment purchase
transfer move pass
travel trip journey
troubleshoot fix solve diagnose
trouble problem
turn rotate twist
type kind
undo reverse
unhappy dissatisfied
unit item
unopened sealed
update change
upgrade improve
user customer
valid acceptable
value worth
version variant model
view see
void cancel
wait pending hold
waive remove free
warn caution
warranty guarantee
wash laundry
waste discard
water liquid
weak low
web website online url www com
website web online site url
whole entire
withdraw cancel
worn used
write enter
wrong incorrect
yearly annual year
zip postcode postal
";

/// The groups of a stem, by their lines.
pub(super) fn groups_of(stem: &str) -> &'static [u16] {
    table().get(stem).map_or(&[], Vec::as_slice)
}

fn table() -> &'static FxHashMap<String, Vec<u16>> {
    static TABLE: OnceLock<FxHashMap<String, Vec<u16>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: FxHashMap<String, Vec<u16>> = FxHashMap::default();
        for (number, line) in (0_u16..).zip(GROUPS.lines()) {
            for word in line.split_whitespace() {
                let groups = table.entry(stem(word)).or_default();
                if !groups.contains(&number) {
                    groups.push(number);
                }
            }
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyday_words_meet_and_others_do_not() {
        let meet = |a: &str, b: &str| {
            let b = groups_of(&stem(b));
            groups_of(&stem(a)).iter().any(|group| b.contains(group))
        };
        for (a, b) in [
            ("state", "status"),
            ("alter", "modify"),
            ("duration", "period"),
            ("forms", "methods"),
        ] {
            assert!(meet(a, b), "{a} / {b}");
        }
        assert!(!meet("weather", "refund"));
    }
}
