namespace Module10.Jobs;

/// <summary>Work that takes turns: one of each kind runs at a time, so that nobody waits for a training to chat.</summary>
internal enum JobKind
{
    /// <summary>Seconds at most: images, answers, music.</summary>
    Generation,

    /// <summary>A training.</summary>
    Training,

    /// <summary>A training of the program's own, on half of the processors, beside another.</summary>
    BesideTraining,
}
