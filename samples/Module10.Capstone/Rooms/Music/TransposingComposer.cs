using Microsoft.ML.Generative.Music;

namespace Module10.Rooms.Music;

/// <summary>Composes in all keys with a model that knows C major and A minor alone: other keys are transposed there and back.</summary>
internal sealed class TransposingComposer(MusicComposer composer)
{
    private const int Octave = 12;
    private const int FarthestKey = 4;

    /// <summary>Composes a melody.</summary>
    /// <param name="key">The key; null: the model's choice of major or minor, somewhere in the range of the voice.</param>
    /// <param name="options">All but the key, which is set.</param>
    public NoteSequence Compose(MusicKey? key, ComposeOptions options)
    {
        int semitones = -key?.SemitonesToNatural ?? new Random(options.Seed ?? 0).Next(-FarthestKey, FarthestKey + 1);
        options.Key = key?.Transpose(-semitones);
        NoteSequence piece = composer.Compose(options);
        return piece.Notes.Count == 0 ? piece : piece.Transpose(semitones + OctaveOf(piece, semitones));
    }

    /// <summary>Continues a melody that has a key; its own notes stay as they are.</summary>
    public NoteSequence Continue(NoteSequence beginning, ComposeOptions options)
    {
        int semitones = beginning.Keys[0].Key.SemitonesToNatural;
        return composer.Continue(beginning.Transpose(semitones), options).Transpose(-semitones);
    }

    // What is low or high in the model's keys would leave the range of the voice in some others.
    private static int OctaveOf(NoteSequence piece, int semitones)
    {
        int lowest = semitones + piece.Notes.Min(note => note.Pitch), highest = semitones + piece.Notes.Max(note => note.Pitch);
        if (lowest < MelodyModel.Lowest && highest + Octave <= MelodyModel.Highest)
            return Octave;
        return highest > MelodyModel.Highest && lowest - Octave >= MelodyModel.Lowest ? -Octave : 0;
    }
}
