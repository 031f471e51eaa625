using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>From a trained model to a file that a server answers from.</summary>
internal static class DeploymentSection
{
    /// <param name="Bytes">Bytes of the file.</param>
    /// <param name="IsSame">Whether the loaded model generates what the saved one does.</param>
    public sealed record Result(long Bytes, bool IsSame);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("12. Deployment");
        // The base in 8 bits, and the adapter of the names beside it.
        using LanguageModelTransformer small = lesson.Base.Quantize(WeightFormat.Q8_0);
        using LanguageModelTransformer shipped = small.AddAdapter("names", lesson.NamesModel).WithAdapter(null);
        string path = lesson.Output.File("play.zip", "the model with an adapter, as a server loads it");
        lesson.ML.Model.Save(shipped, lesson.Rows("").Schema, path);

        // What a server does with it: LoadModel checks a file that may come from somebody else.
        using var loaded = (LanguageModelTransformer)new MLContext().Generative().LoadModel(path, out _);
        TextGenerationOptions options = new() { MaxTokens = 60, Temperature = 0.7, Seed = 3 };
        bool isSame = loaded.Generate("KING", options) == shipped.Generate("KING", options);
        using IChatClient chat = loaded.AsChatClient(ChatTemplate.Plain, options);
        long bytes = new FileInfo(path).Length;
        Console.WriteLine($"{Path.GetFileName(path)} has {bytes / 1e3:N0} kB, with the adapters {string.Join(", ", loaded.Adapters)}.");
        Console.WriteLine($"Loaded again, it generates {(isSame ? "the same" : "something else")}.");
        Lesson.Print("an answer by its chat client:", chat.GetResponseAsync("Who is there?").GetAwaiter().GetResult().Text);
        return new Result(bytes, isSame);
    }
}
