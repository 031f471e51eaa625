using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

namespace Module06;

/// <summary>The text that the lesson is about, and the part of it that no model learns.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Train">To learn from.</param>
/// <param name="Validation">To score with: the last tenth.</param>
internal sealed record TextData(string Name, string Train, string Validation)
{
    /// <summary>Loads Tiny Shakespeare, or makes a play.</summary>
    /// <param name="ml">The context, whose data directory is looked into.</param>
    /// <param name="name">shakespeare or made; auto is the first whose file is there.</param>
    /// <param name="characters">How much of it at most.</param>
    /// <exception cref="FileNotFoundException">Tiny Shakespeare is asked for, but is not there.</exception>
    public static TextData Load(MLContext ml, string name, int characters)
    {
        string path = Path.Combine(ml.Generative().DataDirectory, "tinyshakespeare", "input.txt");
        if (name == "shakespeare" && !File.Exists(path))
            throw new FileNotFoundException($"There is no '{path}': put Karpathy's tinyshakespeare/input.txt there, or take --data made.");
        bool isFile = name != "made" && File.Exists(path);
        string text = isFile ? File.ReadAllText(path) : MadePlay.Write(characters, seed: 1);
        text = text[..Math.Min(text.Length, characters)];
        // Between two speeches.
        int train = text.LastIndexOf("\n\n", text.Length * 9 / 10, StringComparison.Ordinal) + 2;
        return new TextData(isFile ? "Tiny Shakespeare" : "a made play", text[..train], text[train..]);
    }

    /// <summary>The words of a text in lower case, letters only.</summary>
    public static IEnumerable<string> Words(string text) =>
        text.ToLowerInvariant().Split([.. text.Where(c => !char.IsLetter(c)).Distinct()], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A text as a row of data.</summary>
    public static IDataView Rows(MLContext ml, params string[] texts) => ml.Data.LoadFromEnumerable(texts.Select(text => new TextRow { Text = text }));

    private sealed class TextRow
    {
        public string Text { get; set; } = "";
    }
}
