package memory_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/storetest"
)

func TestOutbox(t *testing.T) {
	storetest.RunOutbox(t, func(t testing.TB) storetest.OutboxStore { return open(t).(storetest.OutboxStore) })
}
