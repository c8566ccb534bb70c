package pgtest

// Launch creates and starts a cluster for a program that is not a test, such as a benchmark. It returns a URL with
// the cluster's administrator as the user, so that the program can create databases. The cluster is removed when the
// program calls stop, or when the program ends, also when it is killed.
func Launch(o Options) (admin string, stop func(), err error) {
	c, err := start(o)
	if err != nil {
		return "", nil, err
	}
	return c.admin(), c.remove, nil
}
