package storetest

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var snapshotCases = []testCase{
	{"Snapshots/in the order of the codes, with empty ones for unknown keys", snapshotOrder},
	{"Snapshots/every field of a key", snapshotKey},
	{"Snapshots/every field of a task", snapshotTask},
	{"Snapshots/empty calls have empty results", emptyCalls},
	{"Find/the same keys as Snapshots", findLikeSnapshots},
}

func snapshotOrder(f fixture) {
	f.issue("A", "a", "B")
	snapshots, err := f.Snapshots(f.ctx, []keys.Code{"B", "none", "a", "A", "B"})
	f.must(err)
	f.want("snapshots", len(snapshots), 5)
	for i, code := range []keys.Code{"B", "", "a", "A", "B"} {
		f.want("code", snapshots[i].Key.Code, code)
		f.want("exists", snapshots[i].Key.Exists(), code != "")
	}
	f.want("task", snapshots[0].Task == nil, true)
}

func emptyCalls(f fixture) {
	snapshots, err := f.Snapshots(f.ctx, nil)
	f.must(err)
	f.want("snapshots", len(snapshots), 0)
	found, err := f.Find(f.ctx, nil)
	f.must(err)
	f.want("found", len(found), 0)
	errs, err := f.Apply(f.ctx, nil)
	f.must(err)
	f.want("verdicts", len(errs), 0)
	errs, err = f.Extend(f.ctx, nil, ttl)
	f.must(err)
	f.want("extended", len(errs), 0)
}

func snapshotKey(f fixture) {
	bought := time.Date(2026, 11, 22, 19, 37, 0, 123456000, time.UTC)
	key := keys.Key{
		Code: "K'\"%$1?", Status: keys.Failed, Used: true, Revoked: true, Message: "why? \\ ünï — 日本",
		Username: "user", VerifyAddress: "Some street 1,\nTown", Invite: "inv", Address: "addr",
		OrderID: "o-1", PurchaseDate: bought, UsedDate: bought.Add(time.Hour),
	}
	f.must(f.importKeys(key))
	key.Version = 1
	f.want("key", f.snapshot(key.Code).Key, key)
	if age := time.Since(f.snapshot(key.Code).At).Abs(); age > time.Minute {
		f.Fatalf("the time of the snapshot is %v off", age)
	}
}

func findLikeSnapshots(f fixture) {
	f.issue("A", "a", "B")
	f.plan("p", "US", 1)
	f.must(f.apply(f.decide(tasks.Upgrade, "B", "us", false)))
	codes := []keys.Code{"B", "none", "a", "A", "B"}
	snapshots, err := f.Snapshots(f.ctx, codes)
	f.must(err)
	found, err := f.Find(f.ctx, codes)
	f.must(err)
	f.want("found", len(found), len(codes))
	for i, v := range snapshots {
		f.want("key", found[i], v.Key)
	}
	f.want("status", found[0].Status, keys.InQueue)
}

func snapshotTask(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	c := f.decide(tasks.Upgrade, "K", "us", false)
	f.must(f.apply(c))
	want := *c.Task
	want.Version, want.Plan = 1, tasks.PlanSnapshot{ID: "p", Address: "p street", Invite: "p-invite"}
	want.Sealed = append([]byte(nil), c.Task.Sealed...)
	f.want("task", *f.snapshot("K").Task, want)
	f.want("key's task", f.snapshot("K").Key.Task, want.ID)
	f.want("rate limit", f.snapshot("K").Key.NextTaskAt, c.Key.NextTaskAt)
}
