"""What is known about an influencer and a brief at one moment."""
