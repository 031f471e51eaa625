namespace Module10.Rooms.Music;

/// <summary>A note that a visitor has put down.</summary>
/// <param name="Pitch">The key, 60 for middle C; null: a rest.</param>
/// <param name="Quarters">Its length in quarter notes.</param>
internal sealed record VisitorNote(int? Pitch, double Quarters);
