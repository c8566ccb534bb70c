package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageSize is the number of lines per page of a list.
const pageSize = 50

// A keyList is one page of the list of keys.
type keyList struct {
	Keys  []view.Key
	Query string // the search text, if nothing was found
	Next  string // URL of the next page, "" on the last page
}

// listKeys lists keys in the order of their codes. If the query has q, it searches for a key or a task.
func (r *request) listKeys() error {
	query := r.req.URL.Query()
	if text := keys.Trim(query.Get("q")); text != "" {
		return r.search(text)
	}
	after, err := keys.Parse(query.Get("after"))
	if err != nil {
		after = "" // an invalid cursor shows the first page
	}
	views, err := r.AdminStore.Keys(r.req.Context(), after, pageSize)
	if err != nil {
		return err
	}
	var l keyList
	for _, found := range views {
		l.Keys = append(l.Keys, view.NewKey(found))
	}
	if len(views) == pageSize {
		l.Next = "/console/keys?after=" + url.QueryEscape(string(views[pageSize-1].Key.Code))
	}
	return r.render(http.StatusOK, page{"keys", "Keys", "keys", l})
}

// A planList is a page of plans, in the order of import.
type planList struct {
	Plans []planRow
	Next  string
}

// A planRow is a plan and the possible actions on it.
type planRow struct {
	view.Plan
	Actions []action
}

func (r *request) listPlans() error {
	after, err := strconv.ParseInt(r.req.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0 // an invalid cursor shows the first page
	}
	plans, err := r.AdminStore.Plans(r.req.Context(), after, pageSize)
	if err != nil {
		return err
	}
	var l planList
	for _, p := range plans {
		line := view.NewPlan(p, r.Now())
		l.Plans = append(l.Plans, planRow{line, planActions(line)})
	}
	if len(plans) == pageSize {
		l.Next = "/console/plans?after=" + strconv.FormatInt(plans[pageSize-1].Seq, 10)
	}
	return r.render(http.StatusOK, page{"plans", "Plans", "plans", l})
}

// A taskList is one page of the list of tasks. Without a state it holds the newest tasks, the newest
// first.
type taskList struct {
	State adminstore.TaskFilter
	Tasks []view.Task
	Next  string
}

// listTasks lists the newest tasks, or the tasks in the state that the query names. Tasks in a state are
// listed with the oldest first, because operators process them in that order.
func (r *request) listTasks() (err error) {
	query := r.req.URL.Query()
	l := taskList{State: adminstore.TaskFilter(query.Get("state"))}
	switch l.State {
	case adminstore.AnyTask:
		l.Tasks, err = r.newest(r.req.Context(), r.Now(), pageSize)
	case adminstore.OpenTask, adminstore.SuspectTask, adminstore.EndedTask:
		err = r.tasksInState(&l, query.Get("after"))
	default: // the query can contain any text
		return errNotFound
	}
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"tasks", "Tasks", "tasks", l})
}

// tasksInState reads the page of tasks that follows the task with the given id. An empty id gives the first
// page.
func (r *request) tasksInState(l *taskList, id string) error {
	after := tasks.Task{}
	if id != "" {
		found, err := r.taskByID(id)
		if err != nil {
			return err
		}
		if found.Task != nil {
			after = *found.Task
		}
	}
	views, err := r.AdminStore.Tasks(r.req.Context(), l.State, after, pageSize)
	if err != nil {
		return err
	}
	for _, found := range views {
		l.Tasks = append(l.Tasks, view.NewTask(*found.Task))
	}
	if len(views) == pageSize {
		l.Next = "/console/tasks?state=" + string(l.State) + "&after=" + url.QueryEscape(views[pageSize-1].Task.ID)
	}
	return nil
}

// newestPage is the number of tasks that newest reads at a time.
const newestPage = 500

// minPeriod is the shortest period that newest divides.
const minPeriod = time.Millisecond

// newest returns the newest n tasks, the newest first. A store lists the oldest tasks first. Therefore newest
// looks for a period up to now that has at least n tasks, and no more than one read returns. It tries longer
// periods while a period has too few tasks, and then halves the distance between too few and too many:
//
//	                           now-16min      now-1min  now
//	too few, try 16 min            │              │──────│
//	too many, try 8.5 min          │─────────────────────│
//	at least n, at most a read         │─────────────────│
func (c *Console) newest(ctx context.Context, now time.Time, n int) ([]view.Task, error) {
	since1970 := time.Duration(now.UnixMicro()) * time.Microsecond
	few, many := time.Duration(0), time.Duration(0) // the tried periods with too few and too many tasks; many is 0 if unknown
	for period := time.Minute; ; {
		views, err := c.AdminStore.Tasks(ctx, adminstore.AnyTask, tasks.Task{CreatedAt: now.Add(-period)}, newestPage)
		switch {
		case err != nil:
			return nil, err
		case len(views) < n && period < cmp.Or(many, since1970):
			few = period
		case len(views) == newestPage && period-few > minPeriod:
			many = period
		default:
			return c.lastTasks(ctx, views, n)
		}
		switch {
		case many == 0:
			period = min(16*few, since1970)
		case many-few > minPeriod:
			period = few + (many-few)/2
		default:
			period = many
		}
	}
}

// maxReads limits the reads of lastTasks.
const maxReads = 20

// lastTasks returns the last n tasks of a list, the newest first. It reads the list on from its first page.
// The list has more than one page only if many tasks were accepted within [minPeriod], or have a time of
// acceptance after now, because a clock was set back.
func (c *Console) lastTasks(ctx context.Context, first []tasks.Snapshot, n int) (last []view.Task, err error) {
	all, read := first, first
	for reads := 1; len(read) == newestPage && reads < maxReads; reads++ {
		read, err = c.AdminStore.Tasks(ctx, adminstore.AnyTask, *read[newestPage-1].Task, newestPage)
		if err != nil {
			return nil, err
		}
		all = append(all, read...)
	}
	for _, v := range slices.Backward(all[max(0, len(all)-n):]) {
		last = append(last, view.NewTask(*v.Task))
	}
	return last, nil
}
