package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// RunLogins tests whether the counters that open makes keep the contract of [tasks.LoginCounter]. Each counter is empty.
func RunLogins(t *testing.T, open func(t testing.TB) tasks.LoginCounter) {
	for name, run := range map[string]func(l logins){
		"tests are counted in order": loginsInOrder, "the logins of a key are counted": loginsOfKey,
		"tests are taken back": loginsReleased, "a success forgets a login": loginsForgotten,
		"simultaneous tests are counted": loginsSimultaneous,
	} {
		t.Run(name, func(t *testing.T) { run(logins{t, open(t)}) })
	}
}

// logins is a counter under test.
type logins struct {
	*testing.T
	tasks.LoginCounter
}

// count counts tests and compares the counts with want, as numbers of tests and of logins.
func (l logins) count(want string, tests ...tasks.LoginTest) {
	l.Helper()
	got, err := l.CountLogins(l.Context(), tests)
	if text := fmt.Sprint(got); err != nil || text != want {
		l.Errorf("%v: got %s, want %s, %v", tests, text, want, err)
	}
}

func (l logins) release(tests ...tasks.LoginTest) {
	l.Helper()
	if err := l.ReleaseLogins(l.Context(), tests); err != nil {
		l.Error(err)
	}
}

func test(login string, code keys.Code) tasks.LoginTest {
	return tasks.LoginTest{Login: login, Code: code}
}

func success(login string, code keys.Code) tasks.LoginTest {
	return tasks.LoginTest{Login: login, Code: code, Succeeded: true}
}

func loginsInOrder(l logins) {
	l.count("[]")
	l.count("[{1 1}]", test("x", "A"))
	l.count("[{2 1}]", test("x", "A"))
	l.count("[{3 1} {1 1} {4 1}]", test("x", "B"), test("y", "C"), test("x", "D"))
}

func loginsOfKey(l logins) {
	l.count("[{1 1}]", test("x", "A"))
	l.count("[{1 2}]", test("y", "A"))
	l.count("[{2 2}]", test("x", "A"))
	l.count("[{3 1}]", test("x", "B"))
	l.count("[{1 3} {1 2}]", test("z", "A"), test("w", "B"))
}

func loginsReleased(l logins) {
	l.release(test("x", "A")) // unknown
	l.count("[{1 1} {2 1} {3 1} {1 1}]", test("x", "A"), test("x", "B"), test("x", "C"), test("y", "D"))
	l.release(test("x", "A"), test("x", "B"))
	l.count("[{2 1}]", test("x", "E"))
	l.release(test("y", "D"), test("y", "D")) // never below 0
	l.count("[{1 1}]", test("y", "D"))
}

func loginsForgotten(l logins) {
	l.count("[{1 1} {2 1}]", test("x", "A"), test("x", "B"))
	l.count("[{1 2}]", test("y", "B"))
	l.release(success("x", "B"), test("y", "B"))
	l.count("[{1 2}]", test("z", "A")) // key A still knows x
	l.count("[{1 2}]", test("x", "B")) // key B has forgotten it
}

func loginsSimultaneous(l logins) {
	const callers, calls = 8, 10
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for n := range calls {
				code := keys.Code(fmt.Sprint(i, " ", n))
				if _, err := l.CountLogins(l.Context(), []tasks.LoginTest{test("x", code), test("y", code), test("z", code)}); err != nil {
					l.Error(err)
				}
				l.release(test("z", code), test("y", code))
			}
		})
	}
	group.Wait()
	l.count(fmt.Sprintf("[{%d 1} {1 1} {1 1}]", callers*calls+1), test("x", "A"), test("y", "B"), test("z", "C"))
}
