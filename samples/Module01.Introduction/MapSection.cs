namespace Module01;

/// <summary>The other modules.</summary>
internal static class MapSection
{
    /// <summary>A module.</summary>
    /// <param name="Number">Its number.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="About">What it is about.</param>
    /// <param name="Folder">Its folder under samples; <see langword="null"/> as long as there is none.</param>
    public sealed record Module(int Number, string Name, string About, string? Folder = null);

    public static IReadOnlyList<Module> Modules { get; } =
    [
        new(1, "Introduction", "what a generative model is", "Module01.Introduction"),
        new(2, "Deep learning foundations", "networks, optimizers, the search for good settings", "Module02.DeepLearningFoundations"),
        new(3, "Mathematical foundations", "Bayes, matrices, gradients, information", "Module03.MathematicalFoundations"),
        new(4, "Variational autoencoders", "images from a few latent values", "Module04.VariationalAutoencoders"),
        new(5, "Generative adversarial networks", "a generator and a discriminator", "Module05.GenerativeAdversarialNetworks"),
        new(6, "Transformers and LLMs", "text, token by token", "Module06.TransformersAndLLMs"),
        new(7, "Diffusion models", "images from noise, step by step", "Module07.DiffusionModels"),
        new(8, "Reinforcement learning", "rewards, from a grid world to images", "Module08.ReinforcementLearning"),
        new(9, "Advanced optimization", "adapters, and weights of fewer bits", "Module09.AdvancedOptimization"),
        new(10, "Capstone", "all of it in one application", "Module10.Capstone"),
    ];

    public static void Run()
    {
        Lesson.Title("6. The modules");
        foreach (var module in Modules)
        {
            Console.WriteLine($"{module.Number,2}  {module.Name,-32} {module.About,-52} "
                + $"{(module.Folder is null ? "not yet" : $"samples/{module.Folder}")}");
        }
    }
}
