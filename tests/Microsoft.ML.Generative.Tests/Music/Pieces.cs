using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Small pieces of music.</summary>
internal static class Pieces
{
    /// <summary>Notes of one length, one after the other.</summary>
    public static NoteSequence Melody(int ticks, params int[] pitches) =>
        new(480, [.. pitches.Select((pitch, i) => new Note(pitch, (long)i * ticks, ticks))]);

    /// <summary>Chords of a quarter note each, with a voice for each pitch.</summary>
    public static NoteSequence Chords(params int[][] chords) => new(480, [.. chords.SelectMany((chord, i) => chord.Select(
        (pitch, voice) => new Note(pitch, 480L * i, 480) { Voice = voice, Channel = voice }))]);

    /// <summary>Chorales of few chords, for models that are tested and not listened to.</summary>
    public static NoteSequence[] Chorales(int count, int chords) => [.. Enumerable.Range(0, count).Select(n => Chords(
        [.. Enumerable.Range(0, chords).Select(i => (int[])(((n + i) % 3) switch
        {
            0 => [72, 67, 64, 48],
            1 => [71, 67, 62, 55],
            _ => [69, 65, 60, 53],
        }))]))];

    public static IDataView ToRows(this MLContext ml, IEnumerable<NoteSequence> pieces) =>
        ml.Data.LoadFromEnumerable<MusicRow>([.. pieces.Select((piece, i) => new MusicRow { Name = $"{i}", Music = piece })]);
}
