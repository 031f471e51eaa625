using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.Tests;

public sealed class StoriesTests
{
    [DataFileFact("stories260K/stories260K.bin", "stories260K/tok512.bin")]
    public void A_published_model_tells_the_story_that_it_is_known_to_tell()
    {
        MLContext ml = new(seed: 1);
        using LanguageModelTransformer model = ml.Generative().LoadPretrainedLanguageModel(DataFile.Find("stories260K/stories260K.bin")!);
        Assert.Equal(260_032, model.Architecture.CountParameters());

        // 199 tokens after the one that begins a text.
        string story = model.Generate("", new() { Temperature = 0, MaxTokens = 199 });
        Assert.StartsWith("Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
            + "big, red ball.", story);
        Assert.Equal(story, string.Concat(model.Stream("", new() { Temperature = 0, MaxTokens = 199 })));
        using var slow = new TorchDecodingSession(model.Network, 1, 512, TorchSharp.torch.CPU);
        var generator = new TextGenerator(model.Codec, 512, _ => slow);
        Assert.Equal(story, generator.GenerateAll(
            [new GenerationRequest(model.Codec.EncodePrompt(""), 1)], new() { Temperature = 0, MaxTokens = 199 }, 1, () => { })[0].Text);
    }
}
