package blackbox_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// checkTimeout is how long a story may be thought about.
const checkTimeout = 30 * time.Second

// A verdict is the judgment of one story.
type verdict struct {
	about  string
	result porcupine.CheckResult
	model  porcupine.Model
	info   porcupine.LinearizationInfo
}

// checkHistory says of every story of a chronicle whether its calls can have happened one by one, each at
// some moment between its call and its answer.
func checkHistory(c *history) (all []verdict) {
	stories := c.bySubject()
	for _, about := range slices.Sorted(maps.Keys(stories)) {
		v := verdict{about: about, model: keyModel.ToModel()}
		if isPlan(about) {
			v.model = stockModel
		}
		v.result, v.info = porcupine.CheckOperationsVerbose(v.model, operations(stories[about]), checkTimeout)
		all = append(all, v)
	}
	return all
}

// operations are the deeds as the checker takes them. What had no answer ends after all else.
func operations(story []operation) (all []porcupine.Operation) {
	last := int64(0)
	for _, d := range story {
		last = max(last, d.Call+1, d.Return+1)
	}
	for _, d := range story {
		end := d.Return
		if d.Got == "" {
			end = last
		}
		all = append(all, porcupine.Operation{ClientId: d.Client, Input: d, Call: d.Call, Output: d.Got, Return: end})
	}
	return all
}

// worstResult is the result of all.
func worstResult(all []verdict) porcupine.CheckResult {
	result := porcupine.Ok
	for _, v := range all {
		if v.result == porcupine.Illegal || result == porcupine.Ok {
			result = v.result
		}
	}
	return result
}

// saveFailure leaves in a folder what is needed to look at a chronicle that was found faulty: itself, and a
// page for each faulty story.
func saveFailure(c *history, all []verdict, folder, name string) error {
	errs := []error{c.save(filepath.Join(folder, name+".json"))}
	for i, v := range all {
		if v.result != porcupine.Ok {
			page := filepath.Join(folder, fmt.Sprintf("%s-%d.html", name, i))
			errs = append(errs, porcupine.VisualizePath(v.model, v.info, page))
		}
	}
	return errors.Join(errs...)
}
