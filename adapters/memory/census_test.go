package memory_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/storetest"
)

func TestCensus(t *testing.T) {
	storetest.RunCensus(t, func(t testing.TB) storetest.CensusStore { return open(t).(storetest.CensusStore) })
}
