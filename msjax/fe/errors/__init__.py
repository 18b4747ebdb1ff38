"""Errors of finite elements, told apart: estimates, adaptivity, and the budget of discretisation and model."""
