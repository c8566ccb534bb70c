package holderpage

import (
	"io"
	"net/http"
	"time"
)

// rehearse renders the page once in each state, so that New finds an invalid template before a reader does.
func (p *Page) rehearse() error {
	for _, answer := range states() {
		v := view{Stock: Stock{Known: true, Free: []Country{{"A", "AA", 1}}, Others: []Country{{"B", "BB", 0}}}, Answer: &answer}
		if err := p.look.ExecuteTemplate(io.Discard, "page", v); err != nil {
			return err
		}
	}
	return nil
}

// states returns an answer for each state.
func states() []Answer {
	var all []Answer
	for _, status := range []string{"active", "in_queue", "success", "failed_upgrade", "success_renew", "failed", "not_exist", "error"} {
		all = append(all, Answer{Do: doInfo, Code: http.StatusOK, Status: status, Message: "m", Used: 1, Username: "u", UsedDate: &time.Time{}})
	}
	all = append(all,
		Answer{Do: doInfo, Code: http.StatusOK, Status: "active"},
		Answer{Do: doInfo, Code: http.StatusOK, Status: "active", Invite: "https://h", Address: "a"},
		Answer{Do: doUpgrade, Code: http.StatusOK, Status: "success"})
	for _, code := range []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		all = append(all, Answer{Do: doRenew, Code: code, Status: "error", Wait: "1"})
	}
	return all
}
