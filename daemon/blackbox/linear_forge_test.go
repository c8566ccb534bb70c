package blackbox_test

import "strings"

// oversold forges a chronicle in which everybody who was told that there was no slot has got one. It
// is nil if the plans were large enough for that.
func oversold(c *chronicle) *chronicle {
	forged := c.clone()
	sold, largest := map[string]int{}, map[string]int{}
	var settled []deed
	for i, d := range forged.Deeds {
		switch {
		case d.Do == "size":
			largest[d.About] = max(largest[d.About], d.Slots)
		case d.Do == "settle" && d.With == "success":
			sold[d.About]++
		case d.Do == "look" && d.Got == seen[none]:
			forged.Deeds[i].Got = seen[spent]
			sold[d.About]++
			settled = append(settled, deed{
				Client: 100 + d.Nth, About: d.About, Do: "settle", Nth: d.Nth, With: "success", Got: "done", Call: 1, Return: d.Return,
			})
		}
	}
	forged.Deeds = append(forged.Deeds, settled...)
	for plan := range sold {
		if sold[plan] > largest[plan] {
			return forged
		}
	}
	return nil
}

// stale forges a chronicle in which the last look at a key shows what it was before all that was
// accepted. It is nil if nothing was.
func stale(c *chronicle) *chronicle {
	forged := c.clone()
	accepted, last := map[string]bool{}, map[string]int{}
	for i, d := range forged.Deeds {
		if ofPlan(d.About) {
			continue
		}
		if strings.HasPrefix(d.Got, `{"status":"success"`) {
			accepted[d.About] = true
		}
		if d.Do == "info" {
			last[d.About] = i
		}
	}
	for key, i := range last {
		if accepted[key] {
			forged.Deeds[i].Got = keyLife{status: "active"}.shows()
			return forged
		}
	}
	return nil
}
