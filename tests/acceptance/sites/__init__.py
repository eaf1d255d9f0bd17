"""Django sites made by the test as docs/how-to/add-to-your-site.md says, and driven from order to package."""
