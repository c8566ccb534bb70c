package view

import (
	"cmp"
	"strings"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Explanation describes the state of a key. Commands and the names of buttons are between backquotes.
type Explanation struct {
	Now  string   `json:"now"`  // the state of the key
	Next []string `json:"next"` // the possible next steps
}

// Explain explains the state of a key from its latest task and its whole history, the oldest event first. The next steps
// name commands of keyseatd.
func Explain(v tasks.Snapshot, history []tasks.Event) Explanation {
	return newFacts(v, history).explain(commands)
}

// ExplainInConsole explains a key as [Explain] does, but the next steps name buttons of the console.
func ExplainInConsole(v tasks.Snapshot, history []tasks.Event) Explanation {
	return newFacts(v, history).explain(buttons)
}

func (f facts) explain(advice *strings.Replacer) Explanation {
	now, next := f.state()
	steps := []string{}
	for _, text := range next {
		steps = append(steps, f.expand(advice.Replace(text)))
	}
	return Explanation{f.expand(now), append(steps, f.leftovers(advice)...)}
}

// state returns the texts of the first rule that fits. If the key's last task failed, the next steps
// for that failure come first.
func (f facts) state() (now string, next []string) {
	for _, r := range rules {
		if r.fits(f) {
			now, next = r.now, r.next
			break
		}
	}
	if reason, failed := f.failureReason(); failed {
		next = append(reason.next, next...)
	}
	return now, next
}

// The actions of an operator, as commands and as buttons of the console.
var (
	commands = strings.NewReplacer(
		"{do:restore}", "`keyseatd keys restore {key}`",
		"{do:reset}", "`keyseatd keys reset {key}`",
		"{do:retry}", "`keyseatd tasks retry {task}`",
		"{do:resolve}", "If it has, run `keyseatd tasks resolve {task} --outcome success`; if not, run `keyseatd tasks resolve {task} --outcome system_error`.",
		"{do:release}", "`keyseatd plans release {task}`",
		"{do:plans}", "`keyseatd plans list` shows the plans that are out of stock; importing a plan again puts it back.",
		"{do:stock}", "`keyseatd stock` shows where slots are free, and `keyseatd plans import FILE.csv` adds more.",
		"{do:edit}", "`keyseatd plans import FILE.csv` corrects it.",
	)
	buttons = strings.NewReplacer(
		"{do:restore}", "`Restore`",
		"{do:reset}", "`Reset`",
		"{do:retry}", "`Retry now`",
		"{do:resolve}", "Then choose `Resolve` on the page of task {task}.",
		"{do:release}", "`Release the slot` on the page of task {task}",
		"{do:plans}", "The page Plans shows the plans that are out of stock; `Put back` puts a plan back.",
		"{do:stock}", "The overview shows where slots are free, and `Import plans` on the page Plans adds more.",
		"{do:edit}", "`Edit` on the page Plans corrects it.",
	)
)

// A rule explains the keys that it fits. In its texts, [commands] or [buttons] replace the names of actions, such as
// {do:reset}. [facts.expand] replaces the other names in braces.
type rule struct {
	fits func(facts) bool
	now  string
	next []string
}

const (
	restore     = "{do:restore} gives it back its earlier state."
	reset       = "{do:reset} makes it usable, whatever its state."
	checkDaemon = "Check that a daemon serves this database: only a daemon carries out tasks."
	wait        = "Wait: every {kind} ends."
	upgrade     = "The holder can upgrade it."
	renewLater  = "The holder can renew it once the account has lost its place."
)

var rules = []rule{
	{facts.missing, "There is no such key.", nil},
	{facts.revokedWithOpenTask, "It is revoked: to its holder it does not exist. Its open {kind} continues to its end.", []string{restore}},
	{facts.revoked, "It is revoked: to its holder it does not exist.", []string{restore, reset}},

	{facts.leaseExpired, "The lease of the daemon that worked on its {kind} has expired{doubt}. Another daemon takes over the {kind}.", []string{checkDaemon}},
	{facts.leased, "A daemon is working on its {kind} now.", []string{wait}},
	{facts.overdue, "Its {kind} has been due since {due}, but no daemon works on it{tried}{reason}{doubt}.", []string{checkDaemon}},
	{facts.attempted, "The provider was called{attempts} for its {kind}, and gave no final answer{reason}{doubt}. The next attempt is due at {due}.", []string{wait, "{do:retry} makes it due now."}},
	{facts.open, "Its {kind} was accepted at {created}, and waits for its first attempt.", []string{wait}},

	{facts.legacy, "It was last used with the old system: its holder joins a plan manually, with the invite and the address. A renew is refused.", []string{"If the invite no longer works, {do:reset} makes it usable."}},
	{facts.importedUsed, "It was imported as used, so an upgrade is refused until it is renewed.", []string{"The holder can renew it.", reset}},
	{facts.inUse, "It is in use{since}{as}{at}{released}.", []string{renewLater}},
	{facts.upgradeFailed, "Its upgrade failed: {why}. It can be used again.", nil},
	{facts.renewFailed, "Its renew failed: {why}. It still counts as used.", []string{reset}},
	{facts.renewed, "It was renewed, and can be upgraded.", []string{upgrade}},
	{facts.wasReset, "It was made usable again at {reset}, and can be upgraded.", []string{upgrade}},
	{func(facts) bool { return true }, "It has not been used, and can be upgraded.", []string{upgrade}},
}

// The texts about leftover slots, and about keys with many recent tasks.
const (
	suspectSlot = "A slot of plan {plan} is suspect: check at the provider whether the holder's account has joined it. " +
		"{do:resolve}"
	spentSlot = "A slot of plan {plan} is still spent: when that member has left the plan, {do:release} frees it."
	busyKey   = "It had many tasks or failed logins recently. If the limit refuses another one, it is allowed again at {limit} at the latest, or after a reset."
)

// A failureReason says why a task failed, and what the holder or the operator can do next.
type failureReason struct {
	text string
	next []string
}

const (
	tryAgain     = "The holder can try again."
	otherAccount = "The holder can try another account."
	listPlans    = "{do:plans}"
)

// failureReasons maps the unsuccessful outcomes of upgrades and renews to their reasons.
var failureReasons = map[tasks.Outcome]failureReason{
	tasks.SystemError:        {"the service failed, or gave no final answer{reason}", []string{tryAgain}},
	tasks.InvalidCredentials: {"the provider refused the login or the password", []string{"The holder can try again with the right ones."}},
	tasks.AccountLocked:      {"the account is locked{reason}", []string{"The holder can try again in a few hours, or with another account."}},
	tasks.OutOfStock:         {"there was no free slot in {country}", []string{"The holder can try another country.", "{do:stock}"}},
	tasks.AlreadyPremium:     {"the account was premium already", []string{otherAccount}},
	tasks.UpgradedRecently:   {"the account was upgraded less than 12 months ago", []string{otherAccount}},
	tasks.PlanExpired:        {"the plans that were tried are expired, {plan} the last", []string{tryAgain, listPlans}},
	tasks.PlanFull:           {"the plans that were tried are full, {plan} the last", []string{tryAgain, listPlans}},
	tasks.PlanInvalid:        {"the plans that were tried are invalid, {plan} the last", []string{tryAgain, listPlans}},
	tasks.AlreadyMember:      {"the account is likely a member of plan {plan} already", []string{otherAccount}},
	tasks.WrongAddress:       {"the provider refused the address of plan {plan}", []string{"Check the address of the plan: {do:edit}", tryAgain}},
	tasks.StillPremium:       {"the account is still premium", []string{renewLater}},
}

var importedReason = failureReason{"{message}", []string{tryAgain}}

// failureReason returns why the key's last task failed. It returns false if the key is revoked, or its status is not that
// of a failure.
func (f facts) failureReason() (failureReason, bool) {
	if f.Key.Revoked || !f.upgradeFailed() && !f.renewFailed() {
		return failureReason{}, false
	}
	if f.Task != nil {
		if reason, known := failureReasons[f.Task.Outcome]; known {
			return reason, true
		}
	}
	return importedReason, true
}

// A key is busy if its next task may be refused for longer than busyAfter, because of many tasks or failed logins.
const busyAfter = 30 * time.Minute

// leftovers returns the next steps for each slot that is suspect, or spent but no longer in use, and for a busy key.
func (f facts) leftovers(advice *strings.Replacer) (all []string) {
	inUse := f.usedSlot()
	for i, left := range f.slots {
		text := ""
		switch {
		case left.state == stock.Suspect:
			text = suspectSlot
		case left.state == stock.Spent && i != inUse:
			text = spentSlot
		}
		if text != "" {
			all = append(all, strings.NewReplacer("{plan}", left.plan, "{task}", left.task).Replace(advice.Replace(text)))
		}
	}
	if f.Key.NextTaskAt.After(f.At.Add(busyAfter)) && !f.Key.Revoked {
		all = append(all, f.expand(busyKey))
	}
	return all
}

// expand replaces the names in braces with facts. If a fact is missing, its value is "", without connecting words such
// as ", since".
func (f facts) expand(text string) string {
	failure, _ := f.failureReason()
	text = strings.ReplaceAll(text, "{why}", failure.text)
	task := tasks.Task{}
	if f.Task != nil {
		task = *f.Task
	}
	attempts, doubt := timesText(task.Attempts+task.LostLeases), ""
	if task.InDoubt || task.LostLeases > 0 {
		doubt = "; the provider may have carried it out nevertheless"
	}
	return strings.NewReplacer(
		"{key}", shellArgument(string(f.Key.Code)),
		"{message}", cmp.Or(quoted(f.Key.Message), "the reason is not known"),
		"{since}", prefixed(", since ", Time{f.Key.UsedDate}.String()),
		"{as}", prefixed(", as ", quoted(f.Key.Username)),
		"{released}", f.releasedText(task),
		"{at}", prefixed(", at ", quoted(f.Key.VerifyAddress)),
		"{limit}", Time{f.Key.NextTaskAt}.String(),
		"{reset}", Time{f.resetAt()}.String(),
		"{task}", task.ID,
		"{kind}", string(task.Kind),
		"{country}", string(task.Country),
		"{plan}", task.Plan.ID,
		"{created}", Time{task.CreatedAt}.String(),
		"{due}", Time{task.DueAt}.String(),
		"{attempts}", attempts,
		"{tried}", prefixed("; the provider was called", attempts),
		"{reason}", prefixed(": ", withoutMarks(f.reason())),
		"{doubt}", doubt,
	).Replace(text)
}
