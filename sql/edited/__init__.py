"""What people edit, behind SQLAlchemy: bills of materials, routings, and the like."""
