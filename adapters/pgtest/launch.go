package pgtest

// Launch makes and starts a cluster for a program that is no test, a benchmark say, and gives the URL
// of its administrator, who may create databases. The cluster is gone when stop is called, or else
// when the program ends, however that ends.
func Launch(o Options) (admin string, stop func(), err error) {
	c, err := start(o)
	if err != nil {
		return "", nil, err
	}
	return c.admin(), c.remove, nil
}
