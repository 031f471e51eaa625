namespace Microsoft.ML.Generative.Music;

/// <summary>How far a composition has come.</summary>
/// <param name="Done">Steps of the music, or passes over it, that are done.</param>
/// <param name="Total">How many there will be; the most there can be, where the model itself ends the piece.</param>
public sealed record MusicProgress(int Done, int Total);
