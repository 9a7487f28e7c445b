"""The PyCommerce API: `/api` for one or many shops, and `/stripe-demo` for a browser that wants to pay."""
