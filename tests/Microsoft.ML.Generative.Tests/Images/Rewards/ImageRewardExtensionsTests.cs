using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageRewardExtensionsTests
{
    private static readonly ImageReward _ink = ImageReward.FromFunction(image => image.Values.ToArray().Average());

    [Theory]
    [InlineData("Vae")]
    [InlineData("VqVae")]
    [InlineData("Gan")]
    [InlineData("Diffusion")]
    [InlineData("Flow")]
    public void The_best_of_each_group_of_any_models_images_is_kept(string family)
    {
        IDataView images = Generate(family, 12);
        double[] rewards = [.. _ink.Score(images)];
        IDataView best = images.SelectBest(candidates: 4, _ink);
        float[][] all = [.. images.GetColumn<float[]>("Generated")], kept = [.. best.GetColumn<float[]>("Generated")];
        float[] reported = [.. best.GetColumn<float>("Reward")];
        Assert.Equal(3, kept.Length);
        for (int group = 0; group < 3; group++)
        {
            int expected = Enumerable.Range(4 * group, 4).MaxBy(i => rewards[i]);
            Assert.Equal(all[expected], kept[group]);
            Assert.Equal((float)rewards[expected], reported[group]);
        }

        Assert.Equal(images.Schema["Generated"].Type, best.Schema["Generated"].Type);
        IDataView sampled = images.SampleByReward(5, _ink, temperature: 0.1, seed: 1);
        Assert.All(sampled.GetColumn<float[]>("Generated"), row => Assert.Contains(row, all));
    }

    [Fact]
    public void Images_are_sampled_as_often_as_the_exponential_of_their_reward_says()
    {
        IDataView images = Generate("Vae", 5);
        const double Temperature = 0.05;
        const int Count = 20_000;
        double[] weights = [.. _ink.Score(images).Select(r => Math.Exp(r / Temperature))];
        float[] rewards = [.. _ink.Score(images).Select(r => (float)r)];
        float[] sampled = [.. images.SampleByReward(Count, _ink, Temperature, seed: 3).GetColumn<float>("Reward")];
        for (int i = 0; i < rewards.Length; i++)
        {
            double expected = weights[i] / weights.Sum(), error = Math.Sqrt(expected * (1 - expected) / Count);
            Assert.Equal(expected, sampled.Count(r => r == rewards[i]) / (double)Count, 5 * error + 1e-9);
        }

        Assert.Equal(sampled, images.SampleByReward(Count, _ink, Temperature, seed: 3).GetColumn<float>("Reward"));
        Assert.Empty(images.SampleByReward(0, _ink, 1).GetColumn<float>("Reward"));
    }

    [Fact]
    public void The_classes_stay_with_their_images()
    {
        MLContext ml = new(seed: 1);
        DiffusionOptions options = TinyDiffusion.Options();
        (options.LabelColumnName, options.LabelCount, options.Epochs) = ("Number", 3, 1);
        using DiffusionTransformer model = ml.Transforms.Generative().Diffusion(options).Fit(TinyImages.AsVectors(ml, 3));
        IDataView images = model.Generate(6, new() { Labels = [0, 0, 1, 1, 2, 2], Seed = 1, Steps = 2 });
        Assert.Equal([1u, 2u, 3u], images.SelectBest(2, _ink).GetColumn<uint>("Number"));
        // The reward knows them, too.
        ImageReward isLast = ImageReward.FromFunction(image => image.ClassName == "2" ? 1 : 0);
        Assert.Equal([3u], images.SelectBest(6, isLast).GetColumn<uint>("Number").Take(1));
    }

    [Fact]
    public void What_cannot_be_chosen_from_is_refused()
    {
        IDataView images = Generate("Vae", 5);
        Assert.Contains("5 images for groups of 2", Assert.Throws<ArgumentException>(() => images.SelectBest(2, _ink)).Message);
        Assert.ThrowsAny<ArgumentException>(() => images.SelectBest(0, _ink));
        Assert.Contains("temperature", Assert.ThrowsAny<ArgumentException>(() => images.SampleByReward(1, _ink, 0)).Message);
        Assert.ThrowsAny<ArgumentException>(() => images.SampleByReward(-1, _ink, 1));
        MLContext ml = new();
        Assert.Contains("'Pixels'", Assert.Throws<ArgumentException>(() => TinyImages.AsVectors(ml, 2).SelectBest(2, _ink)).Message);
        Assert.Contains("empty", Assert.Throws<ArgumentException>(() => Generate("Vae", 0).SampleByReward(1, _ink, 1)).Message);
    }

    private static IDataView Generate(string family, int count)
    {
        MLContext ml = new(seed: 1);
        GenerativeTransformsCatalog catalog = ml.Transforms.Generative();
        IDataView data = TinyImages.AsVectors(ml, 8);
        switch (family)
        {
            case "Vae":
                var vae = new VaeOptions { InputColumnName = "Pixels", LatentSize = 3, HiddenSizes = [8], Epochs = 1 };
                using (VaeTransformer model = catalog.Vae(vae).Fit(data))
                    return model.Generate(count);
            case "VqVae":
                VqVaeOptions vqVae = TinyVqVae.Options();
                vqVae.Epochs = 1;
                using (VqVaeTransformer model = catalog.VqVae(vqVae).Fit(data))
                    return model.Generate(count);
            case "Gan":
                var gan = new GanOptions { InputColumnName = "Pixels", LatentSize = 3, HiddenSizes = [8], BatchSize = 8, MaxSteps = 2 };
                gan.Network = GanNetworkKind.Mlp;
                using (GanTransformer model = catalog.Gan(gan).Fit(data))
                    return model.Generate(count);
            case "Diffusion":
                DiffusionOptions diffusion = TinyDiffusion.Options();
                diffusion.Epochs = 1;
                using (DiffusionTransformer model = catalog.Diffusion(diffusion).Fit(data))
                    return model.Generate(count, new() { Steps = 2 });
            default:
                var flow = new FlowOptions { InputColumnName = "Pixels", CouplingLayers = 2, HiddenSizes = [8], Epochs = 1 };
                using (FlowTransformer model = catalog.Flow(flow).Fit(data))
                    return model.Generate(count);
        }
    }
}
