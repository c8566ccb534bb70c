package blackbox_test

import "strings"

// mutateOversold forges a chronicle in which everybody who was told that there was no slot has got one. It
// is nil if the plans were large enough for that.
func mutateOversold(c *history) *history {
	forged := c.clone()
	sold, largest := map[string]int{}, map[string]int{}
	var settled []operation
	for i, d := range forged.Operations {
		switch {
		case d.Do == "size":
			largest[d.Subject] = max(largest[d.Subject], d.Slots)
		case d.Do == "settle" && d.With == "success":
			sold[d.Subject]++
		case d.Do == "look" && d.Got == infoOfSlot[none]:
			forged.Operations[i].Got = infoOfSlot[spent]
			sold[d.Subject]++
			settled = append(settled, operation{
				Client: 100 + d.Nth, Subject: d.Subject, Do: "settle", Nth: d.Nth, With: "success", Got: "done", Call: 1, Return: d.Return,
			})
		}
	}
	forged.Operations = append(forged.Operations, settled...)
	for plan := range sold {
		if sold[plan] > largest[plan] {
			return forged
		}
	}
	return nil
}

// mutateStale forges a chronicle in which the last look at a key shows what it was before all that was
// accepted. It is nil if nothing was.
func mutateStale(c *history) *history {
	forged := c.clone()
	accepted, last := map[string]bool{}, map[string]int{}
	for i, d := range forged.Operations {
		if isPlan(d.Subject) {
			continue
		}
		if strings.HasPrefix(d.Got, `{"status":"success"`) {
			accepted[d.Subject] = true
		}
		if d.Do == "info" {
			last[d.Subject] = i
		}
	}
	for key, i := range last {
		if accepted[key] {
			forged.Operations[i].Got = keyState{status: "active"}.info()
			return forged
		}
	}
	return nil
}
