"""The pages: dashboard, storefront, portal, and where payment providers report. They see services and models only."""
