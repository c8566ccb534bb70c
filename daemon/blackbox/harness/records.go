package harness

import (
	"fmt"
	"strings"
	"time"
)

// ImportKeys imports the rows of a CSV file. The first row is the header.
func (s *Shop) ImportKeys(rows ...string) {
	s.Helper()
	s.MustExecInput(strings.Join(rows, "\n")+"\n", "keys", "import", "-")
}

// AddKeys imports unused keys.
func (s *Shop) AddKeys(codes ...string) {
	s.Helper()
	s.ImportKeys(append([]string{"code"}, codes...)...)
}

// ImportPlans imports the rows of a CSV file with the columns id, country, slots, address and invite.
func (s *Shop) ImportPlans(rows ...string) {
	s.Helper()
	s.MustExecInput("id,country,slots,address,invite\n"+strings.Join(rows, "\n")+"\n", "plans", "import", "-")
}

// A Plan is an entry of plans list.
type Plan struct {
	ID                                string
	Country, State                    string
	Slots, Free, Held, Spent, Suspect int
}

// Plans returns the plans by id, and checks that their counts add up.
func (s *Shop) Plans() map[string]Plan {
	s.Helper()
	var list []Plan
	s.ExecJSON(&list, "plans", "list")
	all := map[string]Plan{}
	for _, p := range list {
		if err := p.Check(); err != nil {
			s.Error(err)
		}
		all[p.ID] = p
	}
	return all
}

// Check returns an error if the counts of a plan do not add up.
func (p Plan) Check() error {
	if p.Free+p.Held+p.Spent+p.Suspect != p.Slots || min(p.Free, p.Held, p.Spent, p.Suspect) < 0 {
		return fmt.Errorf("the counts of a plan do not add up: %+v", p)
	}
	return nil
}

// A Task is an entry of tasks list.
type Task struct {
	ID, Code, Kind, State, Outcome, Plan, Slot string
	Attempts                                   int     `json:"asked"`
	Leased                                     *string `json:"leased_until"`
	Due                                        *time.Time
	Ended                                      *string
}

// Tasks lists the tasks. args are further flags of tasks list.
func (s *Shop) Tasks(args ...string) []Task {
	s.Helper()
	var all []Task
	s.ExecJSON(&all, append([]string{"tasks", "list"}, args...)...)
	return all
}
