using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What folders hold beside the network: the template of the model, and weights that it leaves out.</summary>
public sealed class SavedTemplateTests : IDisposable
{
    private const string Source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";

    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _ml = new(seed: 1);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_has_the_template_that_the_model_uses()
    {
        // The one of an earlier model would be read in place of it.
        File.WriteAllText(Path.Combine(_folder.Path, "chat_template.jinja"), "{{ messages[0].content }}");
        using LanguageModelTransformer model = Train(ChatTemplate.FromJinja(Source));
        model.SavePretrained(_folder.Path);
        Assert.Equal(Source, GenerativeTokenizers.FromFolder(_folder.Path).ChatTemplates["default"]);

        // The library's own ends an answer at the next message of the user, also from a folder.
        using LanguageModelTransformer plain = Train(ChatTemplate.Plain);
        plain.SavePretrained(_folder.Path);
        using LanguageModelTransformer loaded = _ml.Generative().LoadPretrainedLanguageModel(_folder.Path);
        Assert.Same(ChatTemplate.Plain, loaded.Generator.Template);
    }

    [Fact]
    public void A_head_of_its_own_in_a_tied_model_is_told_by_name()
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["llama"];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        HuggingFaceConfig config = HuggingFaceConfig.Of(architecture);
        using torch.Tensor same = network.Tokens.Weight.detach().clone(), other = same.detach().clone();
        using (torch.no_grad())
            other[3, 5] = torch.tensor(9f);
        Assert.Null(Find());
        Assert.Null(Find(same));
        string warning = Find(other)!;
        Assert.Contains("'lm_head.weight'", warning);
        Assert.Contains("tie_word_embeddings", warning);
        using torch.Tensor small = torch.zeros(2, 2);
        Assert.Contains("'lm_head.weight'", Find(small));

        string? Find(torch.Tensor? head = null)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            var stream = new MemoryStream();
            List<(string, torch.Tensor)> tensors = [.. HuggingFaceWeights.Of(network, config)];
            if (head is not null)
                tensors.Add(("lm_head.weight", head));
            SafetensorsWriter.Write(stream, tensors);
            stream.Position = 0;
            using var file = new SafetensorsStream(stream, "model.safetensors", stream.Length);
            return HuggingFaceWeights.FindOtherHead(network, config, file);
        }
    }

    private LanguageModelTransformer Train(ChatTemplate template) => _ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
    {
        Architecture = LanguageModelArchitecture.LlamaNano with
        {
            Layers = 1,
            Heads = 2,
            EmbeddingSize = 8,
            FeedForwardSize = 16,
            ContextLength = 16,
        },
        ChatTemplate = template,
        MaxSteps = 1,
    }).Fit(_ml.Data.LoadFromEnumerable([new { Text = "[user]abc: UserSystemAssistant\n" }]));
}
