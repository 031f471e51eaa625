using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Music;

namespace Module10.Rooms.Music;

/// <summary>The music that the models of the room learn.</summary>
internal static class Chorales
{
    /// <summary>Bach's chorales where their file is, else made ones.</summary>
    public static IReadOnlyList<NoteSequence> Load(MLContext ml, int most)
    {
        try
        {
            return [.. ml.Generative().Datasets.JsbChorales().TrainSet.ReadMusic().Take(most)];
        }
        catch (FileNotFoundException)
        {
            return MadeChorales.Write(most, seed: 1);
        }
    }
}
