module

public import Thermine.Energy.Abort
