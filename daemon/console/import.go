package console

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// maxFile is the maximum size of an uploaded file, in bytes.
const maxFile = 1 << 20

// A fileImport is an import of a CSV file. It has two steps. The first step checks the file, and shows a page with a
// verdict for each row. That page contains the file, and the second step imports this file.
type fileImport struct {
	Noun    string // plan or key
	Columns string
	Text    string // the checked file in base64, "" before it is checked
	ID      string // the idempotency key of the import: a file of keys is not imported again with the same ID
	Rows    []verdict
	Counts  []verdictCount
	Invalid int // number of invalid rows
	Hidden  int // number of rows that the page does not show
	Error   string
}

func (r *request) importPlans() error { return r.importFile(planImport(), r.checkPlans, r.storePlans) }
func (r *request) importKeys() error  { return r.importFile(keyImport(), r.checkKeys, r.storeKeys) }

func planImport() fileImport {
	return fileImport{Noun: "plan", Columns: strings.Join(csvfile.PlanColumns(), ", ")}
}

func keyImport() fileImport {
	return fileImport{Noun: "key", Columns: strings.Join(csvfile.KeyColumns(), ", ")}
}

func (r *request) showImport(status int, f fileImport) error {
	return r.render(status, page{"import", "Import " + f.Noun + "s", f.Noun + "s", f})
}

// importFile handles both steps of an import. If the second step finds the file invalid, it stores nothing and shows
// the verdicts. If only a part of a file of plans was stored, the error is a [csvfile.PartError].
func (r *request) importFile(f fileImport, check func(*fileImport, []byte) error, store func(fileImport, []byte) (int, error)) error {
	if !r.token.Role.Allows(admin.Write) {
		return r.showImport(http.StatusForbidden, f)
	}
	text, err := r.submittedFile()
	if err != nil || len(text) == 0 {
		f.Error = "Choose a CSV file of up to 1 MB."
		return r.showImport(http.StatusUnprocessableEntity, f)
	}
	f.ID, f.Text = r.req.PostFormValue("id"), base64.StdEncoding.EncodeToString(text)
	if f.ID == "" {
		f.ID = rand.Text()
		return r.showChecked(&f, check(&f, text))
	}
	n, err := store(f, text)
	if err == nil || n > 0 {
		r.audit("import "+f.Noun+"s", r.token, slog.Int("count", n))
	}
	if err != nil {
		return r.showChecked(&f, err)
	}
	r.session.note.Store(new(formatNumber(n) + " rows of " + f.Noun + "s are imported."))
	r.redirect("/console/" + f.Noun + "s")
	return nil
}

// submittedFile returns the file that the form contains: an uploaded file, or the file in the page with the verdicts. A
// file that is too large counts as empty.
func (r *request) submittedFile() ([]byte, error) {
	if text := r.req.PostFormValue("text"); text != "" {
		return base64.StdEncoding.DecodeString(text)
	}
	file, _, err := r.req.FormFile("file")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // an error has no effect, because the file was only read
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if len(text) > maxFile {
		return nil, nil
	}
	return text, err
}

// showChecked shows the verdicts of a file. If err is about the file, it is shown too. Any other error is returned.
func (r *request) showChecked(f *fileImport, err error) error {
	part, line := csvfile.PartError{}, csvfile.LineError{}
	switch {
	case errors.As(err, &part):
		return err
	case errors.As(err, &line):
		f.add(verdict{Line: line.Line, Verdict: line.Err.Error(), Invalid: true})
	case errors.Is(err, adminstore.ErrBatch):
		f.Error, f.Text = "The file was imported already.", ""
	case err != nil:
		return err
	}
	status := http.StatusOK
	if f.Invalid > 0 || f.Error != "" {
		status = http.StatusUnprocessableEntity
	}
	return r.showImport(status, *f)
}

// storePlans imports the plans of a file. It returns the number of rows that are stored.
func (r *request) storePlans(_ fileImport, text []byte) (int, error) {
	file := csvfile.New(bytes.NewReader(text))
	edits, err := file.Plans()
	if err != nil {
		return 0, err
	}
	done, err := file.StorePlans(r.req.Context(), r.AdminStore, edits, r.Now())
	return done.Stored, err
}

// storeKeys imports all keys of a file, or none. It returns the number of rows that are stored.
func (r *request) storeKeys(f fileImport, text []byte) (n int, _ error) {
	file := csvfile.New(bytes.NewReader(text))
	counted := seq.Map(file.Keys(), func(k keys.Key) keys.Key {
		n++
		return k
	})
	batch := adminstore.ImportBatch{ID: f.ID, Type: tasks.EventImported, Note: "by " + r.token.Name}
	if err := file.LineOf(r.AdminStore.ImportKeys(r.req.Context(), batch, counted)); err != nil {
		return 0, err
	}
	return n, nil
}

// A verdict describes what the import does with a row.
type verdict struct {
	Line    int
	ID      string // the id of the plan, or the end of the key's code
	Country stock.Country
	Verdict string
	Invalid bool
}

type verdictCount struct {
	Verdict string
	Rows    int
}

// maxVerdicts is the number of rows that a page shows.
const maxVerdicts = 500

// add adds the verdict of a row. If the page is full, an invalid row takes the place of a valid one.
func (f *fileImport) add(v verdict) {
	count := v.Verdict
	if v.Invalid {
		f.Invalid++
		if count != keyExists {
			count = "invalid"
		}
	}
	i := slices.IndexFunc(f.Counts, func(c verdictCount) bool { return c.Verdict == count })
	if i < 0 {
		i, f.Counts = len(f.Counts), append(f.Counts, verdictCount{Verdict: count})
	}
	f.Counts[i].Rows++
	if len(f.Rows) >= maxVerdicts {
		f.Hidden++
		last := len(f.Rows) - 1
		for last >= 0 && f.Rows[last].Invalid {
			last--
		}
		if last < 0 || !v.Invalid {
			return
		}
		f.Rows = slices.Delete(f.Rows, last, last+1)
	}
	f.Rows = append(f.Rows, v)
}

// checkPlans finds the verdict of each row of a file of plans, up to the first line that cannot be read.
func (r *request) checkPlans(f *fileImport, text []byte) error {
	var rows []csvfile.Result[stock.PlanEdit]
	var unreadable error
	for row, err := range csvfile.New(bytes.NewReader(text)).CheckPlans() {
		if err != nil {
			unreadable = err
			break
		}
		rows = append(rows, row)
	}
	err := csvfile.PreviewPlans(r.req.Context(), r.AdminStore, rows, func(row csvfile.Result[stock.PlanEdit], before, after stock.Plan) error {
		v := verdict{Line: row.Line, ID: row.Value.ID, Country: after.Country, Invalid: row.Err != nil}
		if v.Invalid {
			v.Verdict = row.Err.Error()
		} else {
			v.Verdict = csvfile.PlanEffect(before, after, r.Now())
		}
		f.add(v)
		return nil
	})
	return cmp.Or(err, unreadable)
}

func (r *request) checkKeys(f *fileImport, text []byte) error {
	return csvfile.New(bytes.NewReader(text)).EachResult(r.req.Context(), r.Engine.Store.Snapshots, func(row csvfile.Result[keys.Key]) error {
		v := verdict{Line: row.Line, Verdict: "new", Invalid: row.Err != nil}
		if row.Value.Code != "" {
			v.ID = string(view.Mask(row.Value.Code))
		}
		switch {
		case errors.Is(row.Err, adminstore.ErrExists):
			v.Verdict = keyExists
		case v.Invalid:
			v.Verdict = row.Err.Error()
		}
		f.add(v)
		return nil
	})
}
